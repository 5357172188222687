#include "quant/scale_search.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

namespace qat {
namespace {

constexpr double kLowestClip = 0.8;    // of mean|x|
constexpr double kLogCoarseRatio = 0.14;  // of neighbouring scales, at most: 15 % apart
constexpr int kFewestCoarse = 16, kMostCoarse = 48;  // whole vectors of the kernels
constexpr int kSmallZoom = 16;
constexpr int kMostMoves = 8;
constexpr int kFits = 2;

double largest_magnitude(const SegmentStats& s) {
  return std::max(std::fabs(s.min), std::fabs(s.max));
}

SegmentScale min_max_scale(const SegmentStats& s, const CodeRange& range) {
  // Widened to hold 0, so that 0 has a code of its own.
  const double low = std::min(s.min, 0.0), high = std::max(s.max, 0.0);
  SegmentScale result;
  result.scale = safe_scale((high - low) / range.qmax, range);
  const double zero = std::nearbyint(-low / static_cast<double>(result.scale));
  result.zero_point = static_cast<int32_t>(std::clamp(zero, 0.0, static_cast<double>(range.qmax)));
  return result;
}

}  // namespace

float safe_scale(double scale, const CodeRange& range) {
  const double reach = std::max(1, std::max(range.qmax, -range.qmin));
  const double highest = static_cast<double>(FLT_MAX) / reach * (1 - 1e-6);
  return static_cast<float>(std::clamp(scale, static_cast<double>(FLT_MIN), highest));
}

SegmentScale initial_scale(const SegmentStats& stats, const QuantizerConfig& config) {
  const double magnitude = largest_magnitude(stats);
  if (magnitude == 0) return {config.grid == Grid::kBinary ? FLT_MIN : 1.0f, 0};
  const CodeRange range = code_range(config.grid, config.bits);
  if (config.grid == Grid::kBinary) return {safe_scale(stats.abs_mean, range), 0};
  SegmentScale result;
  if (config.grid == Grid::kUnsigned) {
    result = min_max_scale(stats, range);
  } else {
    result.scale = safe_scale(magnitude / range.qmax, range);
  }
  if (config.range == RangeEstimator::kLsq) {
    const double root = std::sqrt(static_cast<double>(range.qmax));
    result.scale = safe_scale(2.0 * stats.abs_mean / root, range);
  }
  return result;
}

bool is_searched(const QuantizerConfig& config) {
  return config.range == RangeEstimator::kMse && config.grid != Grid::kBinary;
}

ScaleSearch::ScaleSearch(int64_t n, const SegmentStats& stats, const QuantizerConfig& config)
    : range_(code_range(config.grid, config.bits)),
      small_(n <= kSmallSegment),
      has_zero_point_(config.grid == Grid::kUnsigned),
      best_error_(std::numeric_limits<double>::infinity()) {
  QuantizerConfig widest = config;
  widest.range = RangeEstimator::kAbsMax;
  widest_ = best_ = initial_scale(stats, widest);
  if (config.grid == Grid::kBinary || largest_magnitude(stats) == 0) {
    stage_ = Stage::kDone;
    return;
  }
  begin_coarse(n, stats);
}

void ScaleSearch::begin_coarse(int64_t n, const SegmentStats& stats) {
  // Shrinking both ends of an unsigned range alike leaves the zero point where it is.
  const int32_t zero_point = widest_.zero_point;
  const double top = range_.qmax - zero_point, bottom = zero_point - range_.qmin;
  const double reach = std::max(top, bottom), high = widest_.scale;
  // Clipping more than the mean never pays. Nor does clipping the largest value by more than the
  // square root of the most the abs-max scale s can cost, n (s/2)².
  const double by_mean = kLowestClip * stats.abs_mean / reach;
  const double by_largest =
      (largest_magnitude(stats) - high * std::sqrt(static_cast<double>(n)) / 2) / reach;
  const double low = std::clamp(std::max(by_mean, by_largest), high * 1e-6, high / 1.02);
  const double width = std::log(high / low);
  int count = 1 + static_cast<int>(std::ceil(width / kLogCoarseRatio));
  count = std::clamp((count + 15) / 16 * 16, kFewestCoarse, kMostCoarse);
  ratio_ = std::exp(width / (count - 2));
  const double shrink = 1 / ratio_;
  double scale = high;
  for (int i = 0; i < count - 1; ++i, scale *= shrink) propose(scale, zero_point);
  const double tight = std::max(top > 0 ? stats.max / top : 0.0,
                                bottom > 0 ? -stats.min / bottom : 0.0);
  propose(tight > 0 ? tight : high, zero_point);
}

void ScaleSearch::propose(double scale, int32_t zero_point) {
  const SegmentScale tried{safe_scale(scale, range_), zero_point};
  tried_[count_] = tried;
  candidates_[count_].inverse = 1.0f / tried.scale;
  candidates_[count_].low = static_cast<float>(range_.qmin - zero_point);
  candidates_[count_].high = static_cast<float>(range_.qmax - zero_point);
  ++count_;
}

void ScaleSearch::begin_zero_point() {
  stage_ = Stage::kZeroPoint;
  count_ = 0;
  for (const int32_t zero_point : {best_.zero_point - 1, best_.zero_point + 1}) {
    if (zero_point < range_.qmin || zero_point > range_.qmax) continue;
    for (const double factor : {0.97, 0.99, 1.0, 1.02}) propose(best_.scale * factor, zero_point);
  }
  if (count_ == 0 || moves_++ >= kMostMoves) begin_zoom();
}

// From here on all elements are measured: errors of the sample count no more.
void ScaleSearch::begin_zoom() {
  stage_ = Stage::kZoom;
  count_ = 0;
  best_error_ = std::numeric_limits<double>::infinity();
  propose(widest_.scale, widest_.zero_point);
  if (!small_) {
    zoom_ratio_ = std::sqrt(ratio_);
    for (const double factor : {1 / zoom_ratio_, 1.0, zoom_ratio_}) {
      propose(best_.scale * factor, best_.zero_point);
    }
    return;
  }
  // The best one in the middle of an even row between its neighbours.
  const int half = (kSmallZoom - 1) / 2;
  const double step = (ratio_ - 1) / (half + 1);
  for (int i = -half; count_ < kSmallZoom; ++i) {
    propose(best_.scale * (1 + i * step), best_.zero_point);
  }
}

void ScaleSearch::begin_fit(SegmentScale at) {
  stage_ = Stage::kFit;
  count_ = 0;
  propose(at.scale, at.zero_point);
}

// True when a candidate beats the best so far.
bool ScaleSearch::take_best(const double* d2) {
  bool better = false;
  for (int i = 0; i < count_; ++i) {
    const double scale = tried_[i].scale;
    const double error = scale * scale * d2[i];
    if (error < best_error_) {
      best_error_ = error;
      best_ = tried_[i];
      better = true;
    }
  }
  return better;
}

// Where the parabola through the three scales of the zoom is lowest, over log scale.
SegmentScale ScaleSearch::parabola_vertex(const double* d2) const {
  double error[3];
  for (int i = 0; i < 3; ++i) {
    const double scale = tried_[1 + i].scale;
    error[i] = scale * scale * d2[1 + i];
  }
  const double bend = error[0] - 2 * error[1] + error[2];
  if (best_.scale == widest_.scale || !(bend > 0)) return best_;
  const double shift = std::clamp(0.5 * (error[0] - error[2]) / bend, -1.0, 1.0);
  const double scale = tried_[2].scale * std::pow(zoom_ratio_, shift);
  return {safe_scale(scale, range_), tried_[2].zero_point};
}

void ScaleSearch::take_errors(const double* d2) {
  const bool better = take_best(d2);
  if (stage_ == Stage::kZoom) {
    begin_fit(small_ ? best_ : parabola_vertex(d2));
  } else if (has_zero_point_ && better) {
    begin_zero_point();
  } else {
    begin_zoom();
  }
}

void ScaleSearch::take_fit(const ScaleFit& fit) {
  const SegmentScale tried = tried_[0];
  const double scale = tried.scale;
  const double error = scale * scale * fit.d2;
  const bool is_best = error <= best_error_;
  if (is_best) {
    best_error_ = error;
    best_ = tried;
  }
  // With the codes held, the fitted scale is the least-squares optimum, so it cannot be worse; the
  // next round measures it with its own codes.
  const bool can_improve = fit.qq > 0 && fit.tq > 0 && error > 0;
  if (!can_improve || ++fits_ > kFits) {
    stage_ = Stage::kDone;
  } else if (is_best) {
    begin_fit({safe_scale(scale * fit.tq / fit.qq, range_), tried.zero_point});
  } else {
    begin_fit(best_);
  }
}

}  // namespace qat
