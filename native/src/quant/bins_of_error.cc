#include "quant/bins_of_error.h"

#include <algorithm>

#include "qat/kernels.h"
#include "quant/row_pieces.h"
#include "quant/user_error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kLevelsWorth = 1024;  // columns per scale from which x̂ is binned by its levels
constexpr int kLanes = 4;               // tables by turns: equal neighbours do not wait

// Exact bin + 1 -> drawn bin + 1; 0 and drawn_bins + 1 are the values outside.
std::vector<int32_t> slot_table(const BinPlan& plan) {
  std::vector<int32_t> slots(static_cast<size_t>(plan.exact_bins + 2));
  const int64_t ratio = plan.exact_bins / plan.drawn_bins;
  for (int64_t b = 0; b < plan.exact_bins; ++b) {
    slots[static_cast<size_t>(b + 1)] = static_cast<int32_t>(b / ratio + 1);
  }
  slots.back() = static_cast<int32_t>(plan.drawn_bins + 1);
  return slots;
}

// What one chunk of rows gives.
struct Partial {
  std::vector<int64_t> codes, quantized, counts;
  std::vector<double> errors;
};

class ChunkWorker {
 public:
  ChunkWorker(const QuantizerConfig& config, const Scales& scales, const ScaleLayout& layout,
              const BinPlan& plan, const std::vector<int32_t>& slots, Partial* out)
      : config_(config), scales_(scales), layout_(layout), plan_(plan), slots_(slots), out_(out),
        binary_(config.grid == Grid::kBinary), user_(config.grid == Grid::kUser),
        params_(user_ ? QuantParams() : quant_params(config, layout, scales)),
        code_slots_(code_range(config.grid, config.bits).count()),
        width_(static_cast<size_t>(plan.drawn_bins + 2)),
        buffer_(static_cast<size_t>(kPieceCols)), errors_(static_cast<size_t>(kPieceCols)),
        bins_(static_cast<size_t>(std::max<int64_t>(kPieceCols, code_slots_))),
        tables_(width_ * kLanes),
        row_codes_(static_cast<size_t>(code_slots_)) {
    out_->codes.assign(static_cast<size_t>(code_slots_), 0);
    out_->quantized.assign(width_, 0);
  }

  void add_row(const float* row, int64_t index, ErrorSums* sums) {
    if (user_) {
      add_user_row(row, index, sums);
      return;
    }
    const QuantParams params = params_of_row(params_, index);
    const bool by_levels = layout_.group_cols >= kLevelsWorth && layout_.groups_per_row() == 1;
    std::fill(row_codes_.begin(), row_codes_.end(), 0);
    kernels().quant_error(row, 1, layout_.cols, params, binary_, sums, row_codes_.data());
    for_each_piece(params, layout_.cols, [&](int64_t first, int64_t n, const QuantParams& piece) {
      const auto quantizer = binary_ ? kernels().binarize : kernels().fake_quant;
      quantizer(row + first, buffer_.data(), 1, n, piece);
      add_errors(row + first, n);
      if (!by_levels) count_quantized(buffer_.data(), n);
    });
    if (by_levels) count_levels(params);
    for (size_t c = 0; c < row_codes_.size(); ++c) out_->codes[c] += row_codes_[c];
  }

  void finish() {
    out_->errors.assign(width_, 0.0);
    out_->counts.assign(width_, 0);
    for (size_t i = 0; i < tables_.size(); ++i) {
      out_->errors[i % width_] += tables_[i].sum;
      out_->counts[i % width_] += tables_[i].count;
    }
  }

 private:
  struct Bin {
    double sum = 0;
    int64_t count = 0;
    void add(double error) {
      sum += error;
      ++count;
    }
  };

  void add_user_row(const float* row, int64_t index, ErrorSums* sums) {
    const auto cols = static_cast<size_t>(layout_.cols);
    user_codes_.resize(cols);
    user_values_.resize(cols);
    user_error_of_row(config_, layout_, scales_, row, index, user_codes_.data(),
                      user_values_.data(), sums, out_->codes.data());
    for (int64_t first = 0; first < layout_.cols; first += kPieceCols) {
      const int64_t n = std::min(kPieceCols, layout_.cols - first);
      std::copy_n(user_values_.data() + first, n, buffer_.data());
      add_errors(row + first, n);
      count_quantized(buffer_.data(), n);
    }
  }

  void bins_of(const float* values, int64_t n) {
    kernels().bin_indices(values, n, plan_.range.low, plan_.range.high, plan_.exact_bins,
                          bins_.data());
  }
  size_t slot(int64_t i) const {
    return static_cast<size_t>(slots_[static_cast<size_t>(bins_[static_cast<size_t>(i)] + 1)]);
  }

  // Σ (x̂ - x) and the number of elements per bin of x; x̂ is in buffer_.
  void add_errors(const float* x, int64_t n) {
    bins_of(x, n);
    // Plain pointers: a store to a table cannot be taken for one to the vectors themselves.
    const float* quantized = buffer_.data();
    double* errors = errors_.data();
    for (int64_t i = 0; i < n; ++i) {
      errors[i] = static_cast<double>(quantized[i]) - static_cast<double>(x[i]);
    }
    const int32_t* bins = bins_.data();
    const int32_t* slots = slots_.data() + 1;
    Bin* tables[kLanes];
    for (size_t j = 0; j < kLanes; ++j) tables[j] = tables_.data() + j * width_;
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int64_t j = 0; j < kLanes; ++j) tables[j][slots[bins[i + j]]].add(errors[i + j]);
    }
    for (; i < n; ++i) tables[0][slots[bins[i]]].add(errors[i]);
  }

  void count_quantized(const float* values, int64_t n) {
    bins_of(values, n);
    for (int64_t i = 0; i < n; ++i) ++out_->quantized[slot(i)];
  }

  // One scale for the row: its levels are binned instead of its elements.
  void count_levels(const QuantParams& params) {
    float levels[256];
    for (int64_t c = 0; c < code_slots_; ++c) {
      levels[c] = level_of_code(params, binary_, static_cast<int32_t>(c));
    }
    bins_of(levels, code_slots_);
    for (int64_t c = 0; c < code_slots_; ++c) {
      out_->quantized[slot(c)] += row_codes_[static_cast<size_t>(c)];
    }
  }

  const QuantizerConfig& config_;
  const Scales& scales_;
  const ScaleLayout layout_;
  const BinPlan plan_;
  const std::vector<int32_t>& slots_;
  Partial* out_;
  const bool binary_, user_;
  const QuantParams params_;
  const int64_t code_slots_;
  const size_t width_;
  std::vector<float> buffer_;
  std::vector<double> errors_;
  std::vector<int32_t> bins_;
  std::vector<Bin> tables_;
  std::vector<int64_t> row_codes_;
  std::vector<uint8_t> user_codes_;
  std::vector<float> user_values_;
};

// Adds the chunks in order and drops the slots of values outside the range.
void merge(const std::vector<Partial>& parts, const BinPlan& plan, BinnedError* result) {
  const size_t drawn = static_cast<size_t>(plan.drawn_bins);
  std::vector<int64_t> counts(drawn, 0);
  result->quantized_counts.assign(drawn, 0);
  result->mean_error.assign(drawn, 0.0);
  result->detail.code_counts.assign(parts[0].codes.size(), 0);
  for (const Partial& part : parts) {
    for (size_t c = 0; c < part.codes.size(); ++c) result->detail.code_counts[c] += part.codes[c];
    for (size_t b = 0; b < drawn; ++b) {
      result->quantized_counts[b] += part.quantized[b + 1];
      result->mean_error[b] += part.errors[b + 1];
      counts[b] += part.counts[b + 1];
    }
  }
  for (size_t b = 0; b < drawn; ++b) {
    if (counts[b]) result->mean_error[b] /= static_cast<double>(counts[b]);
  }
}

}  // namespace

BinnedError measure_binned_error(const float* x, const ScaleLayout& layout,
                                 const QuantizerConfig& config, const Scales& scales,
                                 const BinPlan& plan, const CancelToken* cancel) {
  const std::vector<int32_t> slots = slot_table(plan);
  const int64_t chunk = rows_per_chunk(layout.cols);
  std::vector<Partial> parts(static_cast<size_t>(chunk_count(layout.rows, chunk)));
  BinnedError result;
  result.detail.row_sums.resize(static_cast<size_t>(layout.rows));
  parallel_chunks(layout.rows, chunk, [&](int64_t index, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    ChunkWorker worker(config, scales, layout, plan, slots, &parts[static_cast<size_t>(index)]);
    for (int64_t r = begin; r < end; ++r) {
      worker.add_row(x + r * layout.cols, r, &result.detail.row_sums[static_cast<size_t>(r)]);
    }
    worker.finish();
  });
  for (const ErrorSums& row : result.detail.row_sums) add_sums(row, &result.detail.sums);
  merge(parts, plan, &result);
  return result;
}

}  // namespace qat
