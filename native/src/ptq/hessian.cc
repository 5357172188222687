#include "ptq/hessian.h"

#include <algorithm>

#include "qat/error.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Samples whose products are summed in float before they are added in double: the rounding of so
// short a sum stays near that of its products.
constexpr int64_t kSamples = 128;
constexpr int64_t kBlock = 128;  // columns of one block of H
constexpr int64_t kRows = 32;    // rows of one chunk of an output error

}  // namespace

Hessian::Hessian(int64_t in) : in_(in) {
  if (in < 1) {
    throw Error("E-NATIVE-ARGUMENT", "A Hessian needs at least one input.",
                "Check the layer's shape.");
  }
  sums_.resize(static_cast<size_t>(in * in), 0.0);
}

void Hessian::add(const float* x, int64_t samples, const CancelToken* cancel) {
  parallel_chunks(in_, kBlock, [&](int64_t, int64_t begin, int64_t end) {
    std::vector<float> product(static_cast<size_t>(kBlock * end));
    for (int64_t first = 0; first < samples; first += kSamples) {
      throw_if_cancelled(cancel);
      const int64_t count = std::min(kSamples, samples - first);
      const float* batch = x + first * in_;
      kernels().gemm(true, false, end - begin, end, count, batch + begin, in_, batch, in_,
                     product.data(), end, false);
      for (int64_t i = begin; i < end; ++i) {
        const float* row = product.data() + (i - begin) * end;
        double* sums = sums_.data() + i * in_;
        for (int64_t j = 0; j <= i; ++j) sums[j] += row[j];
      }
    }
  });
  samples_ += samples;
}

SquareMatrix Hessian::value() const {
  if (samples_ == 0) {
    throw Error("E-NATIVE-ARGUMENT", "The Hessian has no calibration samples.",
                "Add at least one sample of the layer's inputs.");
  }
  const double factor = 2.0 / static_cast<double>(samples_);
  SquareMatrix h(sums_.size());
  for (int64_t i = 0; i < in_; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      const double value = factor * sums_[static_cast<size_t>(i * in_ + j)];
      h[static_cast<size_t>(i * in_ + j)] = value;
      h[static_cast<size_t>(j * in_ + i)] = value;
    }
  }
  return h;
}

double output_error(const float* weight, const float* quantized, int64_t rows, int64_t cols,
                    const SquareMatrix& h, const CancelToken* cancel) {
  std::vector<double> partial(static_cast<size_t>(chunk_count(rows, kRows)), 0.0);
  parallel_chunks(rows, kRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    std::vector<double> d(static_cast<size_t>(cols)), dh(static_cast<size_t>(cols));
    double sum = 0;
    for (int64_t r = begin; r < end; ++r) {
      throw_if_cancelled(cancel);
      for (int64_t c = 0; c < cols; ++c) {
        d[static_cast<size_t>(c)] =
            static_cast<double>(quantized[r * cols + c]) - weight[r * cols + c];
      }
      std::fill(dh.begin(), dh.end(), 0.0);
      for (int64_t c = 0; c < cols; ++c) {
        const double factor = d[static_cast<size_t>(c)];
        const double* row = h.data() + c * cols;
        for (int64_t j = 0; j < cols; ++j) dh[static_cast<size_t>(j)] += factor * row[j];
      }
      for (int64_t c = 0; c < cols; ++c) {
        sum += d[static_cast<size_t>(c)] * dh[static_cast<size_t>(c)];
      }
    }
    partial[static_cast<size_t>(chunk)] = sum;
  });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total / 2;
}

}  // namespace qat
