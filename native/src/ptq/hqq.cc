#include "ptq/hqq.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <string>

#include "qat/error.h"
#include "quant/packing.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

void check(int64_t rows, int64_t cols, int bits, int64_t group_cols, const HqqOptions& o) {
  const bool sizes = rows > 0 && cols > 0 && group_cols > 0 && bits >= 1 && bits <= 8;
  const bool numbers = o.norm > 0 && o.norm <= 1 && o.beta > 0 && std::isfinite(o.beta) &&
                       o.kappa >= 1 && std::isfinite(o.kappa) && o.iterations >= 0;
  if (!sizes || !numbers) {
    throw Error("E-NATIVE-ARGUMENT", "The options of HQQ make no sense.",
                "Use 1 to 8 bits, groups of at least one column, a norm above 0 and at most 1, a "
                "positive beta, and kappa of at least 1.");
  }
  if (o.integer_zeros && bits == 1) {
    throw Error("E-NATIVE-ARGUMENT", "One bit has no grid with an integer zero point.",
                "Keep the zeros as they are, or use at least 2 bits.");
  }
}

// One group of weights under a fixed scale.
class Group {
 public:
  Group(const float* weight, int64_t count, int bits, const HqqOptions& options)
      : weight_(weight), count_(count), top_(static_cast<float>((1 << bits) - 1)),
        options_(options) {
    const auto [low, high] = std::minmax_element(weight, weight + count);
    const double range = static_cast<double>(*high) - *low;
    // Equal weights need no range: zero = −w is exact.
    const double scale = range > 0 ? range / top_ : 1.0;
    scale_ = static_cast<float>(std::clamp(
        scale, static_cast<double>(std::numeric_limits<float>::min()),
        static_cast<double>(std::numeric_limits<float>::max())));
    min_max_zero_ = -*low / scale_;
  }

  float scale() const { return scale_; }
  float min_max_zero() const { return min_max_zero_; }
  float code(int64_t i, float zero) const {
    return std::clamp(std::nearbyint(weight_[i] / scale_ + zero), 0.0f, top_);
  }
  float value(int64_t i, float zero) const { return (code(i, zero) - zero) * scale_; }

  // Σ|w − ŵ|^p
  double error(float zero) const {
    double sum = 0;
    for (int64_t i = 0; i < count_; ++i) {
      sum += std::pow(std::fabs(static_cast<double>(weight_[i]) - value(i, zero)), options_.norm);
    }
    return sum;
  }

  // The best zero met; *error is its error.
  float find_zero(double* best_error) const {
    float best = min_max_zero_, zero = best;
    *best_error = error(best);
    double beta = options_.beta;
    for (int64_t k = 0; k < options_.iterations; ++k, beta *= options_.kappa) {
      const float next = next_zero(zero, beta);
      if (next == zero && options_.kappa == 1) break;  // it would stay
      zero = next;
      const double now = error(zero);
      if (now < *best_error) {
        *best_error = now;
        best = zero;
      }
    }
    return best;
  }

 private:
  // Half-quadratic step, in units of the scale: e = shrink(w − ŵ), then the zero that fits w − e.
  float next_zero(float zero, double beta) const {
    const double threshold = std::pow(beta, -1 / (2 - options_.norm));  // below it e = 0
    double sum = 0;
    for (int64_t i = 0; i < count_; ++i) {
      const double steps = static_cast<double>(weight_[i]) / scale_;
      const double q = code(i, zero);
      const double difference = steps - (q - zero);
      const double size = std::fabs(difference);
      double shrunk = 0;
      if (size > threshold) {
        shrunk = std::copysign(size - std::pow(size, options_.norm - 1) / beta, difference);
      }
      sum += q - (steps - shrunk);
    }
    return static_cast<float>(sum / static_cast<double>(count_));
  }

  const float* weight_;
  const int64_t count_;
  const float top_;
  const HqqOptions& options_;
  float scale_ = 1, min_max_zero_ = 0;
};

// Rounds the zeros to codes and codes the weight by the unsigned grid's own rule.
void round_zeros(const float* weight, int64_t rows, int64_t cols, int bits, int64_t group_cols,
                 HqqResult* result) {
  QuantizerConfig config;
  config.bits = bits;
  config.grid = Grid::kUnsigned;
  config.granularity = Granularity::kGroup;
  config.group_size = group_cols;
  Scales scales;
  scales.scales = result->scales;
  const float top = static_cast<float>((1 << bits) - 1);
  for (float& zero : result->zeros) {
    zero = std::clamp(std::nearbyint(zero), 0.0f, top);
    scales.zero_points.push_back(static_cast<int32_t>(zero));
  }
  const QuantizedWeight coded = quantize_weight(weight, rows, cols, config, scales);
  result->codes = unpack_codes(coded.packed.data(), rows, cols, bits);
  dequantize_weight(coded, result->dequantized.data());
}

double error_of(const float* weight, const std::vector<float>& quantized, double norm) {
  double sum = 0;
  for (size_t i = 0; i < quantized.size(); ++i) {
    sum += std::pow(std::fabs(static_cast<double>(weight[i]) - quantized[i]), norm);
  }
  return sum;
}

}  // namespace

HqqResult hqq(const float* weight, int64_t rows, int64_t cols, int bits, int64_t group_cols,
              const HqqOptions& options, const CancelToken* cancel) {
  check(rows, cols, bits, group_cols, options);
  group_cols = std::min(group_cols, cols);
  const int64_t groups = chunk_count(cols, group_cols);
  HqqResult result;
  result.codes.resize(static_cast<size_t>(rows * cols));
  result.dequantized.resize(result.codes.size());
  result.scales.resize(static_cast<size_t>(rows * groups));
  result.zeros.resize(result.scales.size());
  std::vector<double> before(result.scales.size()), after(result.scales.size());
  std::atomic<int64_t> rows_done{0};
  parallel_for(rows, 1, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      throw_if_cancelled(cancel);
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t begin = r * cols + g * group_cols;
        const int64_t count = std::min(group_cols, cols - g * group_cols);
        const auto at = static_cast<size_t>(r * groups + g);
        const Group group(weight + begin, count, bits, options);
        before[at] = group.error(group.min_max_zero());
        const float zero = group.find_zero(&after[at]);
        result.scales[at] = group.scale();
        result.zeros[at] = zero;
        for (int64_t i = 0; i < count; ++i) {
          const auto element = static_cast<size_t>(begin + i);
          result.codes[element] = static_cast<uint8_t>(group.code(i, zero));
          result.dequantized[element] = group.value(i, zero);
        }
      }
      report_progress(cancel, static_cast<double>(++rows_done) / static_cast<double>(rows));
    }
  });
  for (size_t i = 0; i < before.size(); ++i) {
    result.min_max_error += before[i];
    result.error += after[i];
  }
  if (options.integer_zeros) {
    round_zeros(weight, rows, cols, bits, group_cols, &result);
    result.error = error_of(weight, result.dequantized, options.norm);
  }
  return result;
}

}  // namespace qat
