#include "ptq/soft_rounding.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "qat/kernels.h"
#include "quant/packing.h"

namespace qat {
namespace {

constexpr float kZeta = 1.1f, kGamma = -0.1f;

// The values of codes [rows, cols].
std::vector<float> values_of(const std::vector<uint8_t>& codes, int64_t rows, int64_t cols,
                             const QuantizerConfig& config, const Scales& scales) {
  QuantizedWeight weight;
  weight.config = config;
  weight.rows = rows;
  weight.cols = cols;
  weight.packed = pack_codes(codes.data(), rows, cols, config.bits);
  weight.scales = scales;
  std::vector<float> values(codes.size());
  dequantize_weight(weight, values.data());
  return values;
}

float sigmoid(float v) { return 1.0f / (1.0f + std::exp(-v)); }

}  // namespace

RoundingChoices rounding_choices(const float* weight, int64_t rows, int64_t cols,
                                 const QuantizerConfig& config, const Scales& scales) {
  validate(config);
  validate_scales(config, scale_layout(config, rows, cols), scales);
  const auto top = static_cast<float>(code_range(config.grid, config.bits).count() - 1);
  std::vector<uint8_t> codes(static_cast<size_t>(rows * cols), 0);
  const std::vector<float> zeroth = values_of(codes, rows, cols, config, scales);
  std::fill(codes.begin(), codes.end(), uint8_t{1});
  const std::vector<float> first = values_of(codes, rows, cols, config, scales);
  std::fill(codes.begin(), codes.end(), static_cast<uint8_t>(top));
  const std::vector<float> last = values_of(codes, rows, cols, config, scales);
  const bool two_sided = config.grid == Grid::kTernary;  // the step above 0 may be another one
  std::vector<uint8_t> next(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    const float position =
        two_sided && weight[i] >= first[i]
            ? 1 + std::floor((weight[i] - first[i]) / (last[i] - first[i]))
            : std::floor((weight[i] - zeroth[i]) / (first[i] - zeroth[i]));
    const float code = std::clamp(position, 0.0f, top);
    codes[i] = static_cast<uint8_t>(code);
    const bool between = position >= 0 && position < top;
    next[i] = static_cast<uint8_t>(codes[i] + (between ? 1 : 0));
  }
  RoundingChoices choices;
  choices.low = values_of(codes, rows, cols, config, scales);
  choices.high = values_of(next, rows, cols, config, scales);
  choices.code = std::move(codes);
  return choices;
}

float soft_rounding(float v) {
  return std::clamp(sigmoid(v) * (kZeta - kGamma) + kGamma, 0.0f, 1.0f);
}

float soft_rounding_inverse(float share) {
  const float probability = (share - kGamma) / (kZeta - kGamma);
  return std::log(probability / (1.0f - probability));
}

RoundingObjective::RoundingObjective(const float* weight, const RoundingChoices& choices,
                                     const float* h, int64_t first, int64_t rows, int64_t cols)
    : weight_(weight + first * cols), low_(choices.low.data() + first * cols),
      high_(choices.high.data() + first * cols), h_(h), rows_(rows), cols_(cols),
      norms_(static_cast<size_t>(rows)), d_(static_cast<size_t>(rows * cols)),
      soft_(static_cast<size_t>(rows * cols)) {
  for (int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const double step = high_[r * cols + c] - low_[r * cols + c];
      sum += step * step * h[c * cols + c] / 2;
    }
    norms_[static_cast<size_t>(r)] = sum / static_cast<double>(cols);
  }
}

void RoundingObjective::gradient(const float* v, double lambda, double beta, float* gradient) {
  const int64_t count = rows_ * cols_;
  for (int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    soft_[at] = soft_rounding(v[i]);
    d_[at] = low_[i] + (high_[i] - low_[i]) * soft_[at] - weight_[i];
  }
  kernels().gemm(false, false, rows_, cols_, cols_, d_.data(), cols_, h_, cols_, gradient, cols_,
                 false);
  for (int64_t r = 0; r < rows_; ++r) {
    const double row_norm = norms_[static_cast<size_t>(r)];
    const float factor = row_norm > 0 ? static_cast<float>(1 / row_norm) : 0.0f;
    for (int64_t i = r * cols_; i < (r + 1) * cols_; ++i) {
      const float soft = soft_[static_cast<size_t>(i)];
      if (soft <= 0.0f || soft >= 1.0f) {  // the clamp passes no gradient
        gradient[i] = 0;
        continue;
      }
      float by_soft = gradient[i] * (high_[i] - low_[i]) * factor;
      if (lambda > 0) {
        const float centred = 2 * soft - 1;
        const float pull = std::pow(std::fabs(centred), static_cast<float>(beta - 1));
        by_soft -= static_cast<float>(2 * lambda * beta) * std::copysign(pull, centred);
      }
      const float probability = (soft - kGamma) / (kZeta - kGamma);
      gradient[i] = by_soft * (kZeta - kGamma) * probability * (1 - probability);
    }
  }
}

}  // namespace qat
