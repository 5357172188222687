#include "ptq/gptq.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "ptq/column_quantizer.h"
#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/range.h"
#include "runtime/aligned.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kBlock = 128;  // columns whose errors reach the columns right of them together
constexpr int64_t kRows = 32;    // rows of one chunk
// Of a job's time: what the factorization takes, as progress shows it.
constexpr double kFactorizationShare = 0.3;

// What all chunks of rows read.
struct Plan {
  const float* weight;
  int64_t rows, cols;
  QuantizerConfig config;
  ScaleLayout layout;
  std::vector<int64_t> order;   // column at each position
  std::vector<char> dead;       // by column
  AlignedVector<float> factor;  // U [cols, cols], by position
  bool scales_from_corrected;   // else `scales` are known beforehand
};

[[noreturn]] void fail_hessian(const std::string& message) {
  throw Error("E-NATIVE-ARGUMENT", message,
              "Pass the Hessian of this layer's own calibration inputs.");
}

void check_hessian(const SquareMatrix& h, int64_t cols, double damping) {
  if (h.size() != static_cast<size_t>(cols) * static_cast<size_t>(cols)) {
    fail_hessian("The Hessian has " + std::to_string(h.size()) + " elements; a weight of " +
                 std::to_string(cols) + " columns needs " + std::to_string(cols) + " x " +
                 std::to_string(cols) + ".");
  }
  for (int64_t c = 0; c < cols; ++c) {
    const double value = h[static_cast<size_t>(c * cols + c)];
    if (!(value >= 0) || !std::isfinite(value)) {
      fail_hessian("The Hessian's diagonal element " + std::to_string(c) + " is " +
                   std::to_string(value) + "; it is a mean of squares.");
    }
  }
  if (!(damping >= 0) || !std::isfinite(damping)) {
    throw Error("E-NATIVE-ARGUMENT", "The damping is " + std::to_string(damping) + ".",
                "Give a share of the Hessian's mean diagonal, at least 0; 0.01 is usual.");
  }
}

void check_scales(const Plan& plan, const std::optional<Scales>& given) {
  if (!given) return;
  if (plan.scales_from_corrected) {
    throw Error("E-NATIVE-ARGUMENT",
                "Scales are given for groups whose scales follow the corrected columns.",
                "Set staticGroups, or leave the scales out.");
  }
  validate_scales(plan.config, plan.layout, *given);
}

// Dead columns get the mean diagonal of the others, so that they weigh in nothing.
double revive_dead_columns(SquareMatrix* h, std::vector<char>* dead) {
  const size_t cols = dead->size();
  double sum = 0;
  size_t alive = 0;
  for (size_t c = 0; c < cols; ++c) {
    const double value = (*h)[c * cols + c];
    (*dead)[c] = value == 0;
    sum += value;
    alive += value != 0;
  }
  const double mean = alive ? sum / static_cast<double>(alive) : 1.0;
  for (size_t c = 0; c < cols; ++c) {
    if ((*dead)[c]) (*h)[c * cols + c] = mean;
  }
  return mean;
}

std::vector<int64_t> order_of_work(const SquareMatrix& h, int64_t cols, bool by_diagonal) {
  std::vector<int64_t> order(static_cast<size_t>(cols));
  std::iota(order.begin(), order.end(), int64_t{0});
  if (!by_diagonal) return order;
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return h[static_cast<size_t>(a * cols + a)] > h[static_cast<size_t>(b * cols + b)];
  });
  return order;
}

// U with (H + damping·1)⁻¹ = Uᵀ·U, rows and columns in the order of work.
AlignedVector<float> factor_of(const SquareMatrix& h, const std::vector<int64_t>& order,
                               double damping, const CancelToken* cancel) {
  const auto cols = static_cast<int64_t>(order.size());
  SquareMatrix ordered(h.size());
  for (int64_t i = 0; i < cols; ++i) {
    const double* row = h.data() + order[static_cast<size_t>(i)] * cols;
    double* to = ordered.data() + i * cols;
    for (int64_t j = 0; j < cols; ++j) to[j] = row[order[static_cast<size_t>(j)]];
    to[i] += damping;
  }
  const SquareMatrix u = cholesky_of_inverse(std::move(ordered), cols, cancel);
  return AlignedVector<float>(u.begin(), u.end());
}

std::vector<float> without_dead_columns(const Plan& plan) {
  std::vector<float> weight(plan.weight, plan.weight + plan.rows * plan.cols);
  for (int64_t c = 0; c < plan.cols; ++c) {
    if (!plan.dead[static_cast<size_t>(c)]) continue;
    for (int64_t r = 0; r < plan.rows; ++r) weight[static_cast<size_t>(r * plan.cols + c)] = 0;
  }
  return weight;
}

// Columns beyond `begin` that are worked on before the rest of the row hears of their errors. A
// block ends where a group does, so that a group's scale sees every correction before it.
int64_t block_end(const Plan& plan, int64_t begin) {
  const int64_t group = plan.layout.group_cols;
  if (!plan.scales_from_corrected) return std::min(plan.cols, begin + kBlock);
  if (group <= kBlock) return std::min(plan.cols, begin + kBlock / group * group);
  return std::min({plan.cols, begin + kBlock, begin / group * group + group});
}

// Some rows on their way through the columns.
class RowsInWork {
 public:
  RowsInWork(const Plan& plan, int64_t begin, int64_t end)
      : plan_(plan), begin_(begin), rows_(end - begin), quantizer_(plan.config),
        work_(static_cast<size_t>(rows_ * plan.cols)),
        errors_(static_cast<size_t>(rows_ * kBlock)) {
    for (int64_t r = 0; r < rows_; ++r) {
      const float* row = plan.weight + (begin + r) * plan.cols;
      for (int64_t i = 0; i < plan.cols; ++i) {
        const int64_t c = plan.order[static_cast<size_t>(i)];
        work_[static_cast<size_t>(r * plan.cols + i)] =
            plan.dead[static_cast<size_t>(c)] ? 0.0f : row[c];
      }
    }
  }

  // Fills the rows' codes and values, and their scales where these come from corrected columns.
  // Returns the rows' share of the loss.
  double run(uint8_t* codes, float* dequantized, Scales* scales, const CancelToken* cancel) {
    double loss = 0;
    for (int64_t first = 0; first < plan_.cols;) {
      throw_if_cancelled(cancel);
      const int64_t last = block_end(plan_, first);
      for (int64_t i = first; i < last; ++i) {
        take_scales(i, scales);
        loss += quantize_column(i, first, last, codes, dequantized);
      }
      correct_rest(first, last);
      first = last;
    }
    return loss;
  }

 private:
  void take_scales(int64_t i, Scales* scales) {
    const ScaleLayout& layout = plan_.layout;
    if (!plan_.scales_from_corrected) {
      const int64_t c = plan_.order[static_cast<size_t>(i)];
      const int64_t group = layout.row_stride ? c / layout.group_cols : 0;
      if (group == group_) return;
      group_ = group;
      quantizer_.set_scales(scales_of_rows(*scales, layout, begin_, begin_ + rows_, group));
      return;
    }
    if (i % layout.group_cols != 0) return;
    const int64_t width = std::min(layout.group_cols, plan_.cols - i);
    std::vector<float> columns;
    for (int64_t r = 0; r < rows_; ++r) {
      const float* row = work_.data() + r * plan_.cols + i;
      columns.insert(columns.end(), row, row + width);
    }
    QuantizerConfig per_row = plan_.config;
    per_row.granularity = Granularity::kChannel;
    Scales found = estimate_scales(columns.data(), rows_, width, per_row);
    store_scales_of_rows(found, layout, begin_, i / layout.group_cols, scales);
    quantizer_.set_scales(std::move(found));
  }

  double quantize_column(int64_t i, int64_t first, int64_t last, uint8_t* codes,
                         float* dequantized) {
    float column[kRows], values[kRows];
    uint8_t column_codes[kRows];
    for (int64_t r = 0; r < rows_; ++r) column[r] = work_[static_cast<size_t>(r * plan_.cols + i)];
    quantizer_.quantize(column, rows_, column_codes, values);
    const int64_t c = plan_.order[static_cast<size_t>(i)];
    const float* u = plan_.factor.data() + i * plan_.cols;
    double loss = 0;
    for (int64_t r = 0; r < rows_; ++r) {
      codes[(begin_ + r) * plan_.cols + c] = column_codes[r];
      dequantized[(begin_ + r) * plan_.cols + c] = values[r];
      const float error = (column[r] - values[r]) / u[i];
      loss += 0.5 * static_cast<double>(error) * error;
      errors_[static_cast<size_t>(r * kBlock + (i - first))] = -error;
      float* row = work_.data() + r * plan_.cols;
      for (int64_t j = i + 1; j < last; ++j) row[j] -= error * u[j];
    }
    return loss;
  }

  // Takes the block's errors to all columns right of it.
  void correct_rest(int64_t first, int64_t last) {
    if (last == plan_.cols) return;
    kernels().gemm(false, false, rows_, plan_.cols - last, last - first, errors_.data(), kBlock,
                   plan_.factor.data() + first * plan_.cols + last, plan_.cols,
                   work_.data() + last, plan_.cols, true);
  }

  const Plan& plan_;
  const int64_t begin_, rows_;
  ColumnQuantizer quantizer_;
  int64_t group_ = -1;           // whose scales the quantizer has
  AlignedVector<float> work_;    // [rows, cols] by position, corrected so far
  AlignedVector<float> errors_;  // [rows, kBlock], negated
};

}  // namespace

GptqResult gptq(const float* weight, int64_t rows, int64_t cols, SquareMatrix h,
                const QuantizerConfig& config, const GptqOptions& options,
                const CancelToken* cancel) {
  validate(config);
  Plan plan{weight, rows, cols, config, scale_layout(config, rows, cols), {}, {}, {}, false};
  plan.scales_from_corrected = config.granularity == Granularity::kGroup && !options.static_groups;
  check_scales(plan, options.scales);
  check_hessian(h, cols, options.damping);
  plan.dead.resize(static_cast<size_t>(cols));
  const double mean = revive_dead_columns(&h, &plan.dead);
  plan.order = order_of_work(h, cols, options.act_order);
  plan.factor = factor_of(h, plan.order, options.damping * mean, cancel);
  h = SquareMatrix();
  report_progress(cancel, kFactorizationShare);

  GptqResult result;
  Scales scales = make_scales(config, plan.layout);
  if (options.scales) {
    scales = *options.scales;
  } else if (!plan.scales_from_corrected) {
    scales = estimate_scales(without_dead_columns(plan).data(), rows, cols, config, cancel);
  }
  std::vector<uint8_t> codes(static_cast<size_t>(rows * cols));
  result.dequantized.resize(codes.size());
  std::vector<double> losses(static_cast<size_t>(chunk_count(rows, kRows)));
  std::atomic<int64_t> rows_done{0};
  parallel_chunks(rows, kRows, [&](int64_t chunk, int64_t begin, int64_t end) {
    losses[static_cast<size_t>(chunk)] =
        RowsInWork(plan, begin, end).run(codes.data(), result.dequantized.data(), &scales, cancel);
    const double share = static_cast<double>(rows_done += end - begin) / static_cast<double>(rows);
    report_progress(cancel, kFactorizationShare + (1 - kFactorizationShare) * share);
  });
  result.loss = std::accumulate(losses.begin(), losses.end(), 0.0);
  if (plan.scales_from_corrected && options.act_order) {
    result.g_idx.resize(static_cast<size_t>(cols));
    for (int64_t i = 0; i < cols; ++i) {
      result.g_idx[static_cast<size_t>(plan.order[static_cast<size_t>(i)])] =
          static_cast<int32_t>(i / plan.layout.group_cols);
    }
  }
  result.weight.config = config;
  result.weight.rows = rows;
  result.weight.cols = cols;
  result.weight.packed = pack_codes(codes.data(), rows, cols, config.bits);
  result.weight.scales = std::move(scales);
  return result;
}

}  // namespace qat
