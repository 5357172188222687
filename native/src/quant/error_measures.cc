#include "quant/error_measures.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "quant/packing.h"
#include "quant/row_pieces.h"
#include "quant/user_error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr double kLowestSqnrDb = -300.0;  // shown where there is no signal but an error

double code_entropy(const std::vector<int64_t>& counts) {
  double total = 0, sum = 0;
  for (const int64_t count : counts) total += static_cast<double>(count);
  for (const int64_t count : counts) {
    if (count == 0) continue;
    const double p = static_cast<double>(count) / total;
    sum -= p * std::log2(p);
  }
  return std::max(0.0, sum);
}

}  // namespace

void add_sums(const ErrorSums& part, ErrorSums* total) {
  total->x2 += part.x2;
  total->y2 += part.y2;
  total->xy += part.xy;
  total->e2 += part.e2;
  total->max_error = std::max(total->max_error, part.max_error);
  total->clipped += part.clipped;
}

Sqnr sqnr_of(const ErrorSums& sums) {
  // The scale of an all-zero binary set is the smallest normal float: no error that could be seen.
  if (sums.max_error <= static_cast<double>(FLT_MIN)) return {true, 0};
  if (sums.x2 == 0 || sums.e2 == 0) return {false, sums.e2 == 0 ? -kLowestSqnrDb : kLowestSqnrDb};
  return {false, std::clamp(10.0 * std::log10(sums.x2 / sums.e2), kLowestSqnrDb, -kLowestSqnrDb)};
}

ErrorDetail measure_error(const float* x, int64_t rows, int64_t cols,
                          const QuantizerConfig& config, const Scales& scales, bool keep_rows,
                          const CancelToken* cancel) {
  const ScaleLayout layout = scale_layout(config, rows, cols);
  validate_scales(config, layout, scales);
  const bool binary = config.grid == Grid::kBinary, user = config.grid == Grid::kUser;
  const QuantParams params = user ? QuantParams() : quant_params(config, layout, scales);
  const int64_t slots = code_range(config.grid, config.bits).count();
  const int64_t chunk = rows_per_chunk(cols);
  const size_t chunks = static_cast<size_t>(chunk_count(rows, chunk));
  std::vector<std::vector<int64_t>> counts(chunks);
  std::vector<ErrorSums> row_sums(static_cast<size_t>(rows));
  parallel_chunks(rows, chunk, [&](int64_t index, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    std::vector<int64_t>& local = counts[static_cast<size_t>(index)];
    local.assign(static_cast<size_t>(slots), 0);
    std::vector<uint8_t> codes(static_cast<size_t>(user ? cols : 0));
    std::vector<float> quantized(codes.size());
    for (int64_t r = begin; r < end; ++r) {
      if (user) {
        user_error_of_row(config, layout, scales, x + r * cols, r, codes.data(), quantized.data(),
                          &row_sums[static_cast<size_t>(r)], local.data());
        continue;
      }
      kernels().quant_error(x + r * cols, 1, cols, params_of_row(params, r), binary,
                            &row_sums[static_cast<size_t>(r)], local.data());
    }
  });
  ErrorDetail detail;
  detail.code_counts.assign(static_cast<size_t>(slots), 0);
  for (const auto& local : counts) {
    for (size_t s = 0; s < local.size(); ++s) detail.code_counts[s] += local[s];
  }
  for (const ErrorSums& row : row_sums) add_sums(row, &detail.sums);
  if (keep_rows) detail.row_sums = std::move(row_sums);
  return detail;
}

int64_t packed_bytes(const QuantizerConfig& config, const ScaleLayout& layout) {
  const bool two_numbers = config.grid == Grid::kUnsigned || has_negative_scales(config);
  const int64_t bytes_per_scale =
      (two_numbers ? 8 : 4) + (config.grid == Grid::kUser ? int64_t{4} << config.bits : 0);
  return layout.rows * packed_row_bytes(layout.cols, config.bits) +
         layout.count() * bytes_per_scale;
}

QuantizationError summarize_error(const ErrorDetail& detail, const QuantizerConfig& config,
                                  const ScaleLayout& layout) {
  const double n = static_cast<double>(layout.rows) * static_cast<double>(layout.cols);
  const ErrorSums& sums = detail.sums;
  const Sqnr sqnr = sqnr_of(sums);
  QuantizationError error;
  error.bits = config.bits;
  error.mse = sums.e2 / n;
  error.exact = sqnr.exact;
  error.sqnr_db = sqnr.db;
  const double norms = std::sqrt(sums.x2) * std::sqrt(sums.y2);
  error.cosine = norms > 0 ? std::clamp(sums.xy / norms, -1.0, 1.0)
                           : (sums.x2 == 0 && sums.y2 == 0 ? 1.0 : 0.0);
  error.max_error = sums.max_error;
  error.clipped_share = static_cast<double>(sums.clipped) / n;
  error.codes_total = static_cast<int64_t>(detail.code_counts.size());
  error.codes_used = error.codes_total -
                     std::count(detail.code_counts.begin(), detail.code_counts.end(), int64_t{0});
  error.code_entropy_bits = code_entropy(detail.code_counts);
  error.packed_bytes = packed_bytes(config, layout);
  error.effective_bits = static_cast<double>(error.packed_bytes) * 8.0 / n;
  return error;
}

QuantizationError quantization_error(const float* x, int64_t rows, int64_t cols,
                                     const QuantizerConfig& config, const Scales& scales,
                                     const CancelToken* cancel) {
  const ErrorDetail detail = measure_error(x, rows, cols, config, scales, false, cancel);
  return summarize_error(detail, config, scale_layout(config, rows, cols));
}

std::vector<double> mean_squared_errors(const float* x, int64_t n, const std::vector<GridScale>& candidates,
                                        FiniteCheck* check) {
  constexpr int64_t kChunk = int64_t{1} << 15;
  const size_t count = candidates.size();
  std::vector<ScaleCandidate> given(count);
  for (size_t i = 0; i < count; ++i) {
    given[i].inverse = 1.0f / candidates[i].scale;
    given[i].low = static_cast<float>(candidates[i].qmin);
    given[i].high = static_cast<float>(candidates[i].qmax);
  }
  std::vector<double> parts(static_cast<size_t>(chunk_count(n, kChunk)) * count, 0.0);
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    if (check) check->look_at(x + begin, end - begin, begin);
    kernels().scale_errors(x + begin, end - begin, given.data(), static_cast<int>(count),
                           parts.data() + static_cast<size_t>(chunk) * count);
  });
  std::vector<double> errors(count, 0.0);
  for (size_t i = 0; i < parts.size(); ++i) errors[i % count] += parts[i];
  for (size_t i = 0; i < count; ++i) {
    const double scale = candidates[i].scale;
    errors[i] *= scale * scale / static_cast<double>(n);
  }
  return errors;
}

}  // namespace qat
