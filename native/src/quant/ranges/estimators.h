// One function a file of this folder; formulas and sources in docs/numerics.md and
// electron/contract/quantizer-table.ts.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/ranges/range_rows.h"

namespace qat {

SegmentScale absmax_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale percentile_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale mse_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale lp_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale kl_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale lsq_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale lsq_plus_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale aciq_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale twn_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale ttq_scale(const Segment& segment, const QuantizerConfig& config);
SegmentScale moving_average_scale(const Segment& segment, const QuantizerConfig& config);

// The ternary threshold and level of least squared error, exact.
SegmentScale best_ternary_scale(const Segment& segment);

// The clip of least mean squared error for `cells` uniform cells over ±clip, by the model of ACIQ:
// rounding costs step²/12, what lies outside its distance to the clip. In units of the standard
// deviation of a Gaussian, or of the mean magnitude of a Laplace distribution, about 0.
double gaussian_clip(double cells);
double laplace_clip(double cells);

// How many of the bins of |x| (counts, at least `levels`) to keep for the least Kullback-Leibler
// divergence between them, the rest clipped into the last, and their `levels` levels.
int64_t kl_bins(const std::vector<int64_t>& counts, int64_t levels);

}  // namespace qat
