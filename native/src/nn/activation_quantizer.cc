#include "nn/activation_quantizer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/range.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Rows per chunk of the scale gradient's sum: fixed, so that the sum does not depend on the threads.
constexpr int64_t kChunkRows = 16;

CodeRange activation_range(const ActivationOptions& options) {
  if (options.bits == kFloatBits) return {};
  if (options.bits < 1 || options.bits > 8) {
    throw Error("E-QUANTIZER-INVALID",
                "Activation bits are " + std::to_string(options.bits) + ".",
                "Use 1 to 8 bits, or 32 for float activations.");
  }
  if (options.bits == 1) return {0, 1};
  return code_range(options.is_signed ? Grid::kSigned : Grid::kUnsigned, options.bits);
}

// One bit has a single level (±scale, or scale besides zero): the mean of what falls on it is the
// least-squares optimum for signs and what every estimator is after.
float mean_level(const float* x, int64_t n, bool is_signed) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (is_signed || x[i] > 0) {
      sum += std::fabs(x[i]);
      ++count;
    }
  }
  const float mean = count ? static_cast<float>(sum / static_cast<double>(count)) : 0.0f;
  return mean > 0 ? mean : 1.0f;
}

// Σ sign(x)·dy; dx = dy where |x| ≤ window. Sums sixteen float lanes over short blocks.
double sign_backward(const float* x, const float* dy, float* dx, int64_t n, float window) {
  constexpr int64_t kLanes = 16;
  double total = 0;
  for (int64_t block = 0; block < n; block += 16 * kLanes) {
    float lanes[kLanes] = {};
    const int64_t end = std::min(n, block + 16 * kLanes);
    int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t j = 0; j < kLanes; ++j) lanes[j] += x[i + j] >= 0 ? dy[i + j] : -dy[i + j];
    }
    for (; i < end; ++i) lanes[i % kLanes] += x[i] >= 0 ? dy[i] : -dy[i];
    for (const float lane : lanes) total += lane;
  }
  for (int64_t i = 0; i < n; ++i) dx[i] = std::fabs(x[i]) <= window ? dy[i] : 0.0f;
  return total;
}

}  // namespace

ActivationQuantizer::ActivationQuantizer(const ActivationOptions& options)
    : options_(options), range_(activation_range(options)) {}

void ActivationQuantizer::set_scale(float scale) {
  if (is_float()) {
    throw Error("E-LAYER-STATE", "Float activations have no scale.",
                "Create the layer with 1 to 8 activation bits to give it one.");
  }
  if (!(scale > 0) || !std::isfinite(scale)) {
    throw Error("E-NATIVE-ARGUMENT",
                "An activation scale must be positive and finite; got " + std::to_string(scale) +
                    ".",
                "Pass the scale of a prepared or trained layer.");
  }
  scale_ = scale;
}

void ActivationQuantizer::estimate(const float* x, int64_t n, const CancelToken* cancel) {
  if (is_float()) return;
  if (options_.bits == 1) {
    scale_ = mean_level(x, n, options_.is_signed);
  } else {
    const ActivationRange range{options_.range, options_.percentile, options_.norm};
    scale_ = estimate_activation_scale(x, n, options_.bits, options_.is_signed, range, cancel);
  }
}

QuantParams ActivationQuantizer::params(int64_t cols) const {
  QuantParams p;
  p.qmin = range_.qmin;
  p.qmax = range_.qmax;
  p.scale = &scale_;
  p.group_cols = cols;
  return p;
}

void ActivationQuantizer::fake_quantize(const float* x, float* y, int64_t rows,
                                        int64_t cols) const {
  const QuantParams p = params(cols);
  const Kernels& k = kernels();
  parallel_for(rows, kChunkRows, [&](int64_t begin, int64_t end) {
    const int64_t at = begin * cols;
    (is_sign() ? k.binarize : k.fake_quant)(x + at, y + at, end - begin, cols, p);
  });
}

void ActivationQuantizer::reserve(int64_t rows) {
  const auto chunks = static_cast<size_t>(chunk_count(rows, kChunkRows));
  if (partials_.size() < chunks) partials_.resize(chunks);
}

float ActivationQuantizer::backward(const float* x, const float* dy, float* dx, int64_t rows,
                                    int64_t cols) {
  reserve(rows);
  const QuantParams p = params(cols);
  const Kernels& k = kernels();
  parallel_chunks(rows, kChunkRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    const int64_t at = begin * cols;
    double* partial = &partials_[static_cast<size_t>(chunk)];
    *partial = 0;
    if (is_sign()) {
      *partial = sign_backward(x + at, dy + at, dx + at, (end - begin) * cols, 2 * scale_);
    } else {
      k.fake_quant_backward(x + at, dy + at, dx + at, partial, end - begin, cols, p);
    }
  });
  double sum = 0;
  for (int64_t i = 0; i < chunk_count(rows, kChunkRows); ++i) sum += partials_[static_cast<size_t>(i)];
  return static_cast<float>(sum / std::sqrt(static_cast<double>(cols) * range_.qmax));
}

void ActivationQuantizer::stored_codes(const float* x, uint8_t* codes, int64_t n) const {
  if (is_sign()) {
    for (int64_t i = 0; i < n; ++i) codes[i] = x[i] >= 0 ? 1 : 0;
    return;
  }
  kernels().quantize(x, codes, 1, n, params(n));
}

void ActivationQuantizer::centred_codes(const float* x, uint8_t* scratch, int16_t* codes,
                                        int64_t n) const {
  stored_codes(x, scratch, n);
  const int factor = is_sign() ? 2 : 1;
  const int offset = is_sign() ? -1 : range_.qmin;
  for (int64_t i = 0; i < n; ++i) codes[i] = static_cast<int16_t>(scratch[i] * factor + offset);
}

}  // namespace qat
