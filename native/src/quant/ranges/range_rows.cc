#include "quant/ranges/range_rows.h"

#include "quant/ranges/estimators.h"

namespace qat {

const RangeRow range_rows[kRangeRows] = {
    {RangeEstimator::kAbsMax, "absmax", absmax_scale},
    {RangeEstimator::kMse, "mse", mse_scale},
    {RangeEstimator::kLsq, "lsq", lsq_scale},
    {RangeEstimator::kPercentile, "percentile", percentile_scale},
    {RangeEstimator::kLp, "lp", lp_scale},
    {RangeEstimator::kKl, "kl", kl_scale},
    {RangeEstimator::kLsqPlus, "lsqPlus", lsq_plus_scale},
    {RangeEstimator::kAciq, "aciq", aciq_scale},
    {RangeEstimator::kTwn, "twn", twn_scale, true, false, true},
    {RangeEstimator::kTtq, "ttq", ttq_scale, true, false, true},
    {RangeEstimator::kMovingAverage, "movingAverage", moving_average_scale, false, true, false},
};

const RangeRow& range_row(RangeEstimator range) { return range_rows[static_cast<int>(range)]; }

bool has_plain_scale(const SegmentStats& stats, const QuantizerConfig& config,
                     SegmentScale* scale) {
  const CodeRange range = code_range(config.grid, config.bits);
  *scale = SegmentScale();
  if (config.grid == Grid::kBinary) {
    scale->scale = safe_scale(stats.abs_mean, range);
    return true;
  }
  if (largest_magnitude(stats) > 0) return false;
  if (config.grid == Grid::kMidrise) scale->scale = safe_scale(0, range);
  return true;
}

SegmentScale absmax_of_ends(double low, double high, const QuantizerConfig& config) {
  SegmentStats stats;
  stats.min = low;
  stats.max = high;
  SegmentScale found;
  if (!has_plain_scale(stats, config, &found)) found = scale_of_ends(low, high, config);
  return with_threshold(found, config);
}

SegmentScale with_threshold(SegmentScale found, const QuantizerConfig& config) {
  if (config.grid != Grid::kTernary) return found;
  if (found.threshold < 0) found.threshold = found.scale / 2;
  if (found.negative_scale == 0) found.negative_scale = found.scale;
  return found;
}

SegmentScale estimate_segment(const Segment& segment, const QuantizerConfig& config) {
  SegmentScale found;
  if (!has_plain_scale(segment.stats(), config, &found)) {
    found = range_row(config.range).estimate(segment, config);
  }
  return with_threshold(found, config);
}

}  // namespace qat
