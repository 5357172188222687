#include "nn/conv2d_product.h"

#include <algorithm>

#include "nn/layer_limits.h"
#include "nn/packed_matmul.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Shares of a batch with a weight gradient of their own: fixed, so that the sum does not depend on the
// thread count, and few, since each holds a whole gradient.
constexpr int64_t kShares = 8;

int64_t samples_per_share(int64_t batch) { return (batch + kShares - 1) / kShares; }

// patch_size × positions, of the calling thread.
float* column_buffer(const Conv2dShape& shape) {
  thread_local AlignedVector<float> columns;
  const auto size = static_cast<size_t>(shape.patch_size() * shape.positions());
  if (columns.size() < size) columns.resize(size);
  return columns.data();
}

}  // namespace

Conv2dProduct::Conv2dProduct(const Conv2dShape& shape) : shape_(shape) {
  validate(shape);
  require_weight_shape("convolution", shape.in_channels, shape.out_channels, shape.patch_size());
}

void Conv2dProduct::reserve(int64_t batch, bool for_backward) {
  if (!for_backward) return;
  const int64_t shares = chunk_count(batch, samples_per_share(batch));
  const auto size = static_cast<size_t>(rows() * cols());
  while (static_cast<int64_t>(partials_.size()) < shares) partials_.emplace_back(size);
}

int64_t Conv2dProduct::native_bytes() const {
  return static_cast<int64_t>(partials_.size() * sizeof(float)) * rows() * cols();
}

void Conv2dProduct::forward(const float* x, int64_t batch, const float* w, const float* bias,
                            float* y) {
  const int64_t k = cols(), out = shape_.group_out(), positions = shape_.positions();
  parallel_for(batch, 1, [&](int64_t begin, int64_t end) {
    float* columns = column_buffer(shape_);
    for (int64_t sample = begin; sample < end; ++sample) {
      const float* image = x + sample * input_size();
      float* image_y = y + sample * output_size();
      for (int64_t g = 0; g < shape_.groups; ++g) {
        im2col(image, shape_, g, columns);
        kernels().gemm(false, false, out, positions, k, w + g * out * k, k, columns, positions,
                       image_y + g * out * positions, positions, false);
      }
      for (int64_t c = 0; bias && c < rows(); ++c) {
        float* channel = image_y + c * positions;
        for (int64_t i = 0; i < positions; ++i) channel[i] += bias[c];
      }
    }
  });
}

void Conv2dProduct::weight_gradient(const float* x, const float* dy, int64_t batch, float* dw,
                                    float* dbias) {
  const int64_t k = cols(), out = shape_.group_out(), positions = shape_.positions();
  const int64_t share = samples_per_share(batch);
  reserve(batch, true);
  parallel_chunks(batch, share, [&](int64_t index, int64_t begin, int64_t end) {
    float* columns = column_buffer(shape_);
    float* partial = partials_[static_cast<size_t>(index)].data();
    for (int64_t sample = begin; sample < end; ++sample) {
      for (int64_t g = 0; g < shape_.groups; ++g) {
        im2col(x + sample * input_size(), shape_, g, columns);
        kernels().gemm(false, true, out, k, positions,
                       dy + sample * output_size() + g * out * positions, positions, columns,
                       positions, partial + g * out * k, k, sample > begin);
      }
    }
  });
  const int64_t shares = chunk_count(batch, share);
  parallel_for(rows() * k, 16384, [&](int64_t begin, int64_t end) {
    std::copy(partials_[0].data() + begin, partials_[0].data() + end, dw + begin);
    for (int64_t s = 1; s < shares; ++s) {
      const float* partial = partials_[static_cast<size_t>(s)].data();
      for (int64_t i = begin; i < end; ++i) dw[i] += partial[i];
    }
  });
  if (dbias) bias_gradient(dy, batch, dbias);
}

void Conv2dProduct::bias_gradient(const float* dy, int64_t batch, float* dbias) const {
  const int64_t positions = shape_.positions();
  parallel_for(shape_.out_channels, 4, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double sum = 0;
      for (int64_t sample = 0; sample < batch; ++sample) {
        const float* channel = dy + sample * shape_.output_size() + c * positions;
        for (int64_t i = 0; i < positions; ++i) sum += channel[i];
      }
      dbias[c] = static_cast<float>(sum);
    }
  });
}

void Conv2dProduct::input_gradient(const float* dy, const float* w, int64_t batch, float* dx) {
  const int64_t k = cols(), out = shape_.group_out(), positions = shape_.positions();
  parallel_for(batch, 1, [&](int64_t begin, int64_t end) {
    float* columns = column_buffer(shape_);
    for (int64_t sample = begin; sample < end; ++sample) {
      float* image = dx + sample * input_size();
      std::fill(image, image + input_size(), 0.0f);
      for (int64_t g = 0; g < shape_.groups; ++g) {
        kernels().gemm(true, false, k, positions, out, w + g * out * k, k,
                       dy + sample * output_size() + g * out * positions, positions, columns,
                       positions, false);
        col2im_add(columns, shape_, g, image);
      }
    }
  });
}

void Conv2dProduct::forward_packed(const float* x, int64_t batch, const QuantizedWeight& weight,
                                   const ActivationQuantizer& activation, const float* bias,
                                   float* y) {
  const PackedMatmul matmul(weight, activation, bias);
  const int64_t k = cols(), out = shape_.group_out(), positions = shape_.positions();
  constexpr int64_t kTile = PackedMatmul::kTile;
  parallel_for(batch, 1, [&](int64_t begin, int64_t end) {
    thread_local std::vector<int16_t> codes, patch_codes, ones, inside;
    thread_local std::vector<float> patches;
    codes.resize(static_cast<size_t>(input_size()));
    patch_codes.resize(static_cast<size_t>(kTile * k));
    patches.resize(static_cast<size_t>(kTile * k));
    if (shape_.is_padded()) {
      ones.assign(static_cast<size_t>(input_size()), 1);
      inside.resize(static_cast<size_t>(kTile * k));
    }
    for (int64_t sample = begin; sample < end; ++sample) {
      const float* image = x + sample * input_size();
      if (!activation.is_float()) activation.centred_codes(image, codes.data(), input_size());
      for (int64_t g = 0; g < shape_.groups; ++g) {
        for (int64_t first = 0; first < positions; first += kTile) {
          const int64_t count = std::min(kTile, positions - first);
          const PackedMatmul::Target target{g * out, (g + 1) * out,
                                            y + sample * output_size() + first, 1, positions};
          if (activation.is_float()) {
            gather_patches(image, shape_, g, first, count, patches.data());
            matmul.multiply_floats(patches.data(), count, target);
          } else {
            gather_patches(codes.data(), shape_, g, first, count, patch_codes.data());
            if (shape_.is_padded()) {
              gather_patches(ones.data(), shape_, g, first, count, inside.data());
            }
            matmul.multiply_codes(patch_codes.data(), shape_.is_padded() ? inside.data() : nullptr,
                                  count, target);
          }
        }
      }
    }
  });
}

}  // namespace qat
