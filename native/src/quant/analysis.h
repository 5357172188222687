// Everything the distribution and error views show of one layer, as native/index.ts declares it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quant/error_measures.h"
#include "quant/grid.h"
#include "quant/statistics.h"
#include "runtime/cancel.h"

namespace qat {

struct Levels {
  std::vector<double> values;  // ascending
  double clip_low = 0, clip_high = 0;  // values beyond are clipped: half a step past the levels
  double scale = 0;
  int32_t zero_point = 0;
  int64_t row = -1, group = -1;  // whose scale (the median one); -1: of the whole matrix
  int64_t scale_count = 0;
  double scale_min = 0, scale_max = 0;
};

struct RowSqnr {
  int64_t row = 0;
  bool exact = false;
  double sqnr_db = 0;
};

struct WhatIf {
  QuantizationError error;
  Levels levels;
  std::vector<int64_t> code_counts;
  std::vector<int64_t> quantized_counts;   // x̂ over the drawn bins
  std::vector<double> mean_error_by_bin;   // mean of x̂ - x in each drawn bin of x; 0 where empty
  std::vector<RowSqnr> row_sqnr;           // at most 512, the worst of each bucket of rows
  double native_ms = 0;
};

// What does not depend on the bits of the quantizer.
struct Analysis {
  Statistics statistics;
  Histogram histogram;                // exact bins
  std::vector<int64_t> drawn_counts;  // drawn bins
  std::vector<QuantizationError> by_bits;  // bits 1-8
  std::vector<Scales> scales_by_bits;      // what they were measured with, of the values looked at
  double native_ms = 0;
};

struct AnalyzeOptions {
  QuantizerConfig config;
  int64_t row = -1;                // restrict everything to one row; -1: all
  std::optional<ValueRange> range; // of the histogram; none: [min, max] of the values looked at
  int64_t exact_bins = 2048;
  int64_t drawn_bins = 256;        // divides exact_bins
  std::optional<Scales> scales;    // for what_if, of the whole matrix; none: estimated
  // For analyze, of the whole matrix, by bits − 1; none, or not that many: estimated.
  std::vector<std::optional<Scales>> scales_by_bits;
};

// x [rows, cols], finite. Threaded and cancellable; independent of the thread count. With a row the
// error, code counts and row_sqnr are that row's; row indices stay those of the matrix.
Analysis analyze(const float* x, int64_t rows, int64_t cols, const AnalyzeOptions& options,
                 const CancelToken* cancel = nullptr);
WhatIf what_if(const float* x, int64_t rows, int64_t cols, const AnalyzeOptions& options,
               const CancelToken* cancel = nullptr);

}  // namespace qat
