#include "nn/modules/pool_modules.h"

#include <algorithm>

#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kPlaneGrain = 4;

Pool2dShape pool_shape(const SampleShape& input, int64_t kernel, int64_t stride) {
  Pool2dShape shape{input.extents[0], input.extents[1], input.extents[2], kernel, stride};
  validate(shape);
  return shape;
}

SampleShape pooled(const SampleShape& input, int64_t kernel, int64_t stride) {
  const Pool2dShape shape = pool_shape(input, kernel, stride);
  return {{shape.planes, shape.out_height(), shape.out_width()}};
}

Pool2dShape of_rows(Pool2dShape shape, int64_t rows) {
  shape.planes *= rows;
  return shape;
}

}  // namespace

MaxPool2dModule::MaxPool2dModule(const SampleShape& input, int64_t kernel, int64_t stride)
    : Module(pooled(input, kernel, stride)), shape_(pool_shape(input, kernel, stride)) {}

void MaxPool2dModule::reserve(int64_t rows, bool for_backward) {
  const auto count = static_cast<size_t>(rows * output().size());
  if (for_backward && taken_.size() < count) taken_.resize(count);
}

void MaxPool2dModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  reserve(rows, pass == Pass::kTraining);
  max_pool2d(x[0], of_rows(shape_, rows), y, pass == Pass::kTraining ? taken_.data() : nullptr);
}

void MaxPool2dModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                               float* const* dx) {
  if (dx[0]) max_pool2d_backward(dy, of_rows(shape_, rows), taken_.data(), dx[0]);
}

AvgPool2dModule::AvgPool2dModule(const SampleShape& input, int64_t kernel, int64_t stride)
    : Module(pooled(input, kernel, stride)), shape_(pool_shape(input, kernel, stride)) {}

void AvgPool2dModule::forward(const float* const* x, int64_t rows, float* y, Pass) {
  const Pool2dShape s = of_rows(shape_, rows);
  const auto share = 1.0f / static_cast<float>(s.kernel * s.kernel);
  const int64_t out_height = s.out_height(), out_width = s.out_width();
  parallel_for(s.planes, kPlaneGrain, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      float* out = y + p * out_height * out_width;
      for (int64_t oy = 0; oy < out_height; ++oy) {
        for (int64_t ox = 0; ox < out_width; ++ox) {
          float sum = 0;
          for (int64_t ky = 0; ky < s.kernel; ++ky) {
            const float* line =
                x[0] + (p * s.height + oy * s.stride + ky) * s.width + ox * s.stride;
            for (int64_t kx = 0; kx < s.kernel; ++kx) sum += line[kx];
          }
          out[oy * out_width + ox] = sum * share;
        }
      }
    }
  });
}

void AvgPool2dModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                               float* const* dx) {
  if (!dx[0]) return;
  const Pool2dShape s = of_rows(shape_, rows);
  const auto share = 1.0f / static_cast<float>(s.kernel * s.kernel);
  const int64_t out_height = s.out_height(), out_width = s.out_width();
  parallel_for(s.planes, kPlaneGrain, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      float* plane = dx[0] + p * s.height * s.width;
      std::fill(plane, plane + s.height * s.width, 0.0f);
      for (int64_t oy = 0; oy < out_height; ++oy) {
        for (int64_t ox = 0; ox < out_width; ++ox) {
          const float part = dy[(p * out_height + oy) * out_width + ox] * share;
          for (int64_t ky = 0; ky < s.kernel; ++ky) {
            float* line = plane + (oy * s.stride + ky) * s.width + ox * s.stride;
            for (int64_t kx = 0; kx < s.kernel; ++kx) line[kx] += part;
          }
        }
      }
    }
  });
}

}  // namespace qat
