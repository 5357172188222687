#include "ptq/adaround.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>

#include "ptq/hessian.h"
#include "ptq/soft_rounding.h"
#include "qat/error.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kRows = 32;  // rows of one chunk
constexpr double kPi = 3.14159265358979323846;

[[noreturn]] void fail(const std::string& message, const std::string& remedy) {
  throw Error("E-NATIVE-ARGUMENT", message, remedy);
}

void check(const SquareMatrix& h, int64_t cols, const AdaRoundOptions& o) {
  if (h.size() != static_cast<size_t>(cols) * static_cast<size_t>(cols)) {
    fail("The Hessian has " + std::to_string(h.size()) + " elements; a weight of " +
             std::to_string(cols) + " columns needs the square of that.",
         "Pass the Hessian of this layer's own calibration inputs.");
  }
  const bool positive = o.iterations > 0 && o.learning_rate > 0 && o.beta_end > 1;
  if (!positive || !(o.lambda >= 0) || !(o.beta_start >= o.beta_end) ||
      !(o.warm_start >= 0 && o.warm_start < 1)) {
    fail("The options of AdaRound make no sense.",
         "Use at least one iteration, a positive learning rate, lambda at least 0, a warm start "
         "below 1, and exponents that fall to above 1.");
  }
}

// The exponent at `step` of `options.iterations`, and 0 during the warm start.
double exponent(const AdaRoundOptions& o, int64_t step) {
  const double begin = o.warm_start * static_cast<double>(o.iterations);
  const double done = (static_cast<double>(step) - begin) /
                      (static_cast<double>(o.iterations) - begin);
  if (done < 0) return 0;
  return o.beta_end + 0.5 * (o.beta_start - o.beta_end) * (1 + std::cos(kPi * done));
}

// What all chunks of rows read.
struct Plan {
  const float* weight;
  int64_t cols;
  const SquareMatrix& h;
  std::vector<float> h_float;
  RoundingChoices choices;
  std::vector<float> nearest;  // [rows, cols], rounded to nearest
  const AdaRoundOptions& options;
};

struct RowLoss {
  double nearest = 0, best = 0;
};

std::vector<float> initial_v(const Plan& plan, int64_t begin, int64_t end) {
  std::vector<float> v(static_cast<size_t>((end - begin) * plan.cols));
  for (size_t i = 0; i < v.size(); ++i) {
    const size_t at = static_cast<size_t>(begin * plan.cols) + i;
    const float low = plan.choices.low[at], step = plan.choices.high[at] - low;
    const float share = step > 0 ? (plan.weight[at] - low) / step : 0.5f;
    v[i] = soft_rounding_inverse(std::clamp(share, 0.0f, 1.0f));
  }
  return v;
}

// Descends from the weights themselves to v [rows, cols] that say up or down.
template <typename OnStep>
std::vector<float> descend(const Plan& plan, int64_t begin, int64_t end, OnStep&& on_step) {
  const AdaRoundOptions& options = plan.options;
  RoundingObjective objective(plan.weight, plan.choices, plan.h_float.data(), begin, end - begin,
                              plan.cols);
  std::vector<float> v = initial_v(plan, begin, end);
  std::vector<float> gradient(v.size()), mean(v.size(), 0.0f), square(v.size(), 0.0f);
  for (int64_t step = 0; step < options.iterations; ++step) {
    on_step();
    const double beta = exponent(options, step);
    objective.gradient(v.data(), beta > 0 ? options.lambda : 0, beta, gradient.data());
    kernels().adam_step(v.data(), gradient.data(), mean.data(), square.data(),
                        static_cast<int64_t>(v.size()), options.learning_rate, 0.9, 0.999, 1e-8, 0,
                        true, step + 1);
  }
  return v;
}

// Takes the rounding v [cols] of a row into its codes if that beats rounding to nearest.
RowLoss take_better(const Plan& plan, int64_t r, const float* v, uint8_t* codes) {
  const auto cols = static_cast<size_t>(plan.cols), first = static_cast<size_t>(r) * cols;
  std::vector<float> rounded(cols);
  std::vector<uint8_t> rounded_codes(cols);
  for (size_t c = 0; c < cols; ++c) {
    const float low = plan.choices.low[first + c], high = plan.choices.high[first + c];
    const bool up = high > low && soft_rounding(v[c]) >= 0.5f;
    rounded[c] = up ? high : low;
    rounded_codes[c] = static_cast<uint8_t>(plan.choices.code[first + c] + (up ? 1 : 0));
  }
  const float* row = plan.weight + first;
  RowLoss loss;
  loss.nearest = output_error(row, plan.nearest.data() + first, 1, plan.cols, plan.h);
  loss.best = output_error(row, rounded.data(), 1, plan.cols, plan.h);
  if (loss.best < loss.nearest) {
    std::copy(rounded_codes.begin(), rounded_codes.end(), codes);
  } else {
    loss.best = loss.nearest;
  }
  return loss;
}

}  // namespace

AdaRoundResult adaround(const float* weight, int64_t rows, int64_t cols, const SquareMatrix& h,
                        const QuantizerConfig& config, const Scales& scales,
                        const AdaRoundOptions& options, const CancelToken* cancel) {
  check(h, cols, options);
  AdaRoundResult result;
  result.weight = quantize_weight(weight, rows, cols, config, scales, cancel);
  result.dequantized.resize(static_cast<size_t>(rows * cols));
  dequantize_weight(result.weight, result.dequantized.data());
  const Plan plan{weight, cols, h, std::vector<float>(h.begin(), h.end()),
                  rounding_choices(weight, rows, cols, config, scales), result.dequantized,
                  options};
  std::vector<uint8_t> codes = unpack_codes(result.weight.packed.data(), rows, cols, config.bits);
  std::vector<RowLoss> losses(static_cast<size_t>(rows));
  std::atomic<int64_t> steps{0};
  const double all_steps =
      static_cast<double>(options.iterations) * static_cast<double>(chunk_count(rows, kRows));
  parallel_chunks(rows, kRows, [&](int64_t, int64_t begin, int64_t end) {
    const std::vector<float> v = descend(plan, begin, end, [&] {
      throw_if_cancelled(cancel);
      report_progress(cancel, static_cast<double>(++steps) / all_steps);
    });
    for (int64_t r = begin; r < end; ++r) {
      losses[static_cast<size_t>(r)] =
          take_better(plan, r, v.data() + (r - begin) * cols, codes.data() + r * cols);
    }
  });
  for (const RowLoss& loss : losses) {
    result.nearest_loss += loss.nearest;
    result.loss += loss.best;
  }
  result.weight.packed = pack_codes(codes.data(), rows, cols, config.bits);
  dequantize_weight(result.weight, result.dequantized.data());
  return result;
}

}  // namespace qat
