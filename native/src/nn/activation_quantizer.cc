#include "nn/activation_quantizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "nn/sign_gradient.h"
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
  const bool clips_at_zero = options.method == Method::kPact || options.method == Method::kDoReFa;
  if (clips_at_zero && (options.is_signed || options.bits == 1)) {
    throw Error("E-QUANTIZER-INVALID",
                "PACT and DoReFa clip activations at 0: they need an unsigned grid of 2 to 8 bits.",
                "Use the unsigned grid, or learn the scale (lsq).");
  }
  if (options.method == Method::kLsqPlus && options.bits == 1) {
    throw Error("E-QUANTIZER-INVALID", "LSQ+ has no form of 1 bit.", "Use 2 to 8 bits, or lsq.");
  }
  if (options.method == Method::kTtq || options.method == Method::kIrNet ||
      options.method == Method::kUser) {
    throw Error("E-QUANTIZER-INVALID", "This method is for weights.",
                "Use lsq, lsqPlus, pact, dorefa or ste for activations.");
  }
  if (options.bits == 1) return {0, 1};
  return code_range(options.is_signed ? Grid::kSigned : Grid::kUnsigned, options.bits);
}

// Signs have one level, whatever the estimator is after: the mean magnitude is its least-squares optimum.
float mean_level(const float* x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::fabs(x[i]);
  const float mean = n ? static_cast<float>(sum / static_cast<double>(n)) : 0.0f;
  return mean > 0 ? mean : 1.0f;
}

std::vector<ActivationQuantizer::Learned> learned_by(const ActivationOptions& options) {
  using Learned = ActivationQuantizer::Learned;
  if (options.bits == kFloatBits) return {};
  switch (options.method) {
    case Method::kLsq: return {Learned::kScale};
    case Method::kLsqPlus: return {Learned::kScale, Learned::kShift};
    case Method::kPact: return {Learned::kClip};
    case Method::kSte:
    case Method::kDoReFa:
    case Method::kTtq:
    case Method::kIrNet:
    case Method::kUser: break;
  }
  return {};
}

// LSQ+ starts where an affine quantizer with a zero point would.
ActivationState affine_state(const float* x, int64_t n, const ActivationOptions& options,
                             const CodeRange& range, const CancelToken* cancel) {
  QuantizerConfig config;
  config.bits = options.bits;
  config.grid = Grid::kUnsigned;
  config.granularity = Granularity::kTensor;
  config.range = options.range;
  config.percentile = options.percentile;
  config.norm = options.norm;
  const Scales found = estimate_scales(x, 1, n, config, cancel);
  const float scale = found.scales[0];
  // Codes of the unsigned grid are those of this one minus qmin.
  return {scale, -scale * static_cast<float>(found.zero_points[0] + range.qmin)};
}

}  // namespace

ActivationQuantizer::ActivationQuantizer(const ActivationOptions& options)
    : options_(options), range_(activation_range(options)), learned_(learned_by(options)) {}

void ActivationQuantizer::set_state(const ActivationState& state) {
  if (is_float()) {
    throw Error("E-LAYER-STATE", "Float activations have no scale.",
                "Create the layer with 1 to 8 activation bits to give it one.");
  }
  if (!(state.scale > 0) || !std::isfinite(state.scale) || !std::isfinite(state.shift)) {
    throw Error("E-NATIVE-ARGUMENT",
                "An activation scale must be positive and finite; got " +
                    std::to_string(state.scale) + ".",
                "Pass the scale of a prepared or trained layer.");
  }
  if (state.shift != 0 && options_.method != Method::kLsqPlus) {
    throw Error("E-NATIVE-ARGUMENT", "Only LSQ+ has an activation shift.",
                "Pass a shift of 0, or create the layer with method lsqPlus.");
  }
  state_ = state;
  clip_ = state.scale * static_cast<float>(range_.qmax);
}

const float* ActivationQuantizer::value(Learned what) const {
  switch (what) {
    case Learned::kScale: return &state_.scale;
    case Learned::kClip: return &clip_;
    case Learned::kShift: return &state_.shift;
  }
  return nullptr;
}

float* ActivationQuantizer::mutable_value(Learned what) { return const_cast<float*>(value(what)); }

float* ActivationQuantizer::gradient(Learned what) {
  switch (what) {
    case Learned::kScale: return &dscale_;
    case Learned::kClip: return &dclip_;
    case Learned::kShift: return &dshift_;
  }
  return nullptr;
}

// An optimizer writes the clip; the scale is what everything else uses.
void ActivationQuantizer::after_update() {
  if (options_.method == Method::kPact) state_.scale = clip_ / static_cast<float>(range_.qmax);
}

void ActivationQuantizer::estimate(const float* x, int64_t n, const CancelToken* cancel) {
  if (is_float()) return;
  if (options_.method == Method::kDoReFa) {
    set_state({1.0f / static_cast<float>(range_.qmax)});
  } else if (options_.method == Method::kLsqPlus) {
    set_state(affine_state(x, n, options_, range_, cancel));
  } else if (is_sign()) {
    set_state({mean_level(x, n)});
  } else {
    const ActivationRange range{options_.range, options_.percentile, options_.norm};
    set_state({estimate_activation_scale(x, n, options_.bits, options_.is_signed, range, cancel)});
  }
}

QuantParams ActivationQuantizer::params(int64_t cols) const {
  QuantParams p;
  p.qmin = range_.qmin;
  p.qmax = range_.qmax;
  p.scale = &state_.scale;
  p.group_cols = cols;
  return p;
}

void ActivationQuantizer::fake_quantize(const float* x, float* y, int64_t rows, int64_t cols) {
  const QuantParams p = params(cols);
  const Kernels& k = kernels();
  const bool shifted = options_.method == Method::kLsqPlus;
  if (shifted) reserve(rows, cols);
  parallel_for(rows, kChunkRows, [&](int64_t begin, int64_t end) {
    const int64_t at = begin * cols, count = (end - begin) * cols;
    if (!shifted) {
      (is_sign() ? k.binarize : k.fake_quant)(x + at, y + at, end - begin, cols, p);
      return;
    }
    float* moved = shifted_.data() + at;
    for (int64_t i = 0; i < count; ++i) moved[i] = x[at + i] - state_.shift;
    k.fake_quant(moved, y + at, end - begin, cols, p);
    for (int64_t i = 0; i < count; ++i) y[at + i] += state_.shift;
  });
}

void ActivationQuantizer::reserve(int64_t rows, int64_t cols) {
  const auto chunks = static_cast<size_t>(chunk_count(rows, kChunkRows));
  if (partials_.size() < chunks) partials_.resize(chunks);
  const auto count = static_cast<size_t>(rows * cols);
  if (options_.method == Method::kLsqPlus && shifted_.size() < count) shifted_.resize(count);
}

ActivationQuantizer::Sums ActivationQuantizer::backward_rows(const float* x, const float* dy,
                                                             float* dx, int64_t rows,
                                                             int64_t cols) const {
  const int64_t count = rows * cols;
  Sums sums;
  if (is_sign()) {
    sums.scale = sign_backward(x, dy, dx, count, 2 * state_.scale);
  } else if (options_.method == Method::kPact || options_.method == Method::kDoReFa) {
    // At the clip itself PACT's gradient is α's (its eq. 3); DoReFa's clip(x, 0, 1) lets it pass at both ends.
    const bool pact = options_.method == Method::kPact;
    const float clip = pact ? clip_ : 1.0f;
    for (int64_t i = 0; i < count; ++i) {
      if (x[i] >= clip) sums.clipped += dy[i];
      dx[i] = x[i] >= 0 && (pact ? x[i] < clip : x[i] <= clip) ? dy[i] : 0.0f;
    }
  } else {
    double all = 0, passed = 0;
    const bool shifted = options_.method == Method::kLsqPlus;
    for (int64_t i = 0; shifted && i < count; ++i) all += dy[i];
    kernels().fake_quant_backward(x, dy, dx, &sums.scale, rows, cols, params(cols));
    for (int64_t i = 0; shifted && i < count; ++i) passed += dx[i];
    sums.clipped = all - passed;  // ∂x̂/∂shift is 0 inside the grid and 1 outside
  }
  return sums;
}

void ActivationQuantizer::backward(const float* x, const float* dy, float* dx, int64_t rows,
                                   int64_t cols) {
  reserve(rows, cols);
  const float* quantized_from = options_.method == Method::kLsqPlus ? shifted_.data() : x;
  parallel_chunks(rows, kChunkRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    const int64_t at = begin * cols;
    partials_[static_cast<size_t>(chunk)] =
        backward_rows(quantized_from + at, dy + at, dx + at, end - begin, cols);
  });
  Sums total;
  for (int64_t i = 0; i < chunk_count(rows, kChunkRows); ++i) {
    total.scale += partials_[static_cast<size_t>(i)].scale;
    total.clipped += partials_[static_cast<size_t>(i)].clipped;
  }
  const double damp = std::sqrt(static_cast<double>(cols) * range_.qmax);
  dscale_ = static_cast<float>(total.scale / damp);
  dshift_ = static_cast<float>(total.clipped / damp);
  dclip_ = static_cast<float>(total.clipped);
}

int64_t ActivationQuantizer::clipped(const float* x, int64_t rows, int64_t cols) const {
  const float* from = options_.method == Method::kLsqPlus ? shifted_.data() : x;
  const QuantParams p = params(cols);
  std::vector<int64_t> counts(static_cast<size_t>(chunk_count(rows, kChunkRows)));
  parallel_chunks(rows, kChunkRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    ErrorSums sums;
    kernels().quant_error(from + begin * cols, end - begin, cols, p, false, &sums, nullptr);
    counts[static_cast<size_t>(chunk)] = sums.clipped;
  });
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

const uint8_t* ActivationQuantizer::stored_codes(const float* x, int64_t n) const {
  thread_local std::vector<uint8_t> stored;  // code − qmin
  thread_local std::vector<float> moved;
  stored.resize(static_cast<size_t>(n));
  if (state_.shift != 0) {
    moved.resize(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) moved[static_cast<size_t>(i)] = x[i] - state_.shift;
    x = moved.data();
  }
  kernels().quantize(x, stored.data(), 1, n, params(n));
  return stored.data();
}

void ActivationQuantizer::centred_codes(const float* x, int16_t* codes, int64_t n) const {
  if (is_sign()) {
    for (int64_t i = 0; i < n; ++i) codes[i] = x[i] >= 0 ? 1 : -1;
    return;
  }
  const uint8_t* stored = stored_codes(x, n);
  for (int64_t i = 0; i < n; ++i) codes[i] = static_cast<int16_t>(stored[i] + range_.qmin);
}

void ActivationQuantizer::byte_codes(const float* x, int8_t* codes, int64_t n) const {
  if (is_sign()) {
    for (int64_t i = 0; i < n; ++i) codes[i] = x[i] >= 0 ? 1 : -1;
    return;
  }
  const uint8_t* stored = stored_codes(x, n);
  const int32_t add = range_.qmin - byte_offset();
  for (int64_t i = 0; i < n; ++i) codes[i] = static_cast<int8_t>(stored[i] + add);
}

}  // namespace qat
