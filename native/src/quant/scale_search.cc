#include "quant/scale_search.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

namespace qat {
namespace {

constexpr double kLowestClip = 0.8;      // of mean|x|
constexpr double kCoarseRatio = 1.15;    // of neighbouring scales, large sets
constexpr double kFineRatio = 1.06;      // small sets
constexpr int kZooms = 3;
constexpr int kZoomPoints[kZooms] = {8, 4, 4};
constexpr int kMostMoves = 8;
constexpr int kFits = 2;

double largest_magnitude(const SegmentStats& s) {
  return std::max(std::fabs(s.min), std::fabs(s.max));
}

SegmentScale min_max_scale(const SegmentStats& s, const CodeRange& range) {
  // Widened to hold 0, so that 0 has a code of its own.
  const double low = std::min(s.min, 0.0), high = std::max(s.max, 0.0);
  SegmentScale result;
  result.scale = safe_scale((high - low) / range.qmax);
  const double zero = std::nearbyint(-low / static_cast<double>(result.scale));
  result.zero_point = static_cast<int32_t>(std::clamp(zero, 0.0, static_cast<double>(range.qmax)));
  return result;
}

}  // namespace

float safe_scale(double scale) {
  return static_cast<float>(
      std::clamp(scale, static_cast<double>(FLT_MIN), static_cast<double>(FLT_MAX)));
}

SegmentScale initial_scale(const SegmentStats& stats, const QuantizerConfig& config) {
  const double magnitude = largest_magnitude(stats);
  if (magnitude == 0) return {config.grid == Grid::kBinary ? FLT_MIN : 1.0f, 0};
  if (config.grid == Grid::kBinary) return {safe_scale(stats.abs_mean), 0};
  const CodeRange range = code_range(config.grid, config.bits);
  SegmentScale result;
  if (config.grid == Grid::kUnsigned) {
    result = min_max_scale(stats, range);
  } else {
    result.scale = safe_scale(magnitude / range.qmax);
  }
  if (config.range == RangeEstimator::kLsq) {
    result.scale = safe_scale(2.0 * stats.abs_mean / std::sqrt(static_cast<double>(range.qmax)));
  }
  return result;
}

ScaleSearch::ScaleSearch(const SegmentStats& stats, const QuantizerConfig& config, bool small)
    : range_(code_range(config.grid, config.bits)),
      has_zero_point_(config.grid == Grid::kUnsigned),
      best_error_(std::numeric_limits<double>::infinity()) {
  QuantizerConfig widest = config;
  widest.range = RangeEstimator::kAbsMax;
  best_ = initial_scale(stats, widest);
  if (config.grid == Grid::kBinary || largest_magnitude(stats) == 0) {
    stage_ = Stage::kDone;
    return;
  }
  // Shrinking both ends of an unsigned range alike leaves the zero point where it is.
  const double reach = std::max(range_.qmax - best_.zero_point, best_.zero_point - range_.qmin);
  const double high = best_.scale;
  const double low = std::clamp(kLowestClip * stats.abs_mean / reach, high * 1e-6, high / 1.2);
  const double wanted = std::log(high / low) / std::log(small ? kFineRatio : kCoarseRatio);
  int count = std::clamp(static_cast<int>(std::ceil(wanted)) + 1, 4, kMostCandidates);
  count = (count + 3) / 4 * 4;  // whole batches of the kernels
  propose_row(low, high, count, true);
}

void ScaleSearch::propose(double scale, int32_t zero_point) {
  const SegmentScale tried{safe_scale(scale), zero_point};
  tried_[count_] = tried;
  candidates_[count_].inverse = 1.0f / tried.scale;
  candidates_[count_].low = static_cast<float>(range_.qmin - zero_point);
  candidates_[count_].high = static_cast<float>(range_.qmax - zero_point);
  ++count_;
}

// Geometric row; without the ends the points lie strictly between.
void ScaleSearch::propose_row(double low, double high, int count, bool with_ends) {
  count_ = 0;
  log_step_ = std::log(high / low) / (with_ends ? count - 1 : count + 1);
  for (int i = 0; i < count; ++i) {
    propose(high * std::exp(-log_step_ * (with_ends ? i : i + 1)), best_.zero_point);
  }
}

void ScaleSearch::begin_zoom() {
  const double width = std::exp(log_step_);
  const double center = best_.scale;
  stage_ = Stage::kZoom;
  propose_row(center / width, center * width, kZoomPoints[zooms_++], false);
}

void ScaleSearch::begin_zero_point() {
  stage_ = Stage::kZeroPoint;
  count_ = 0;
  for (const int32_t zero_point : {best_.zero_point - 1, best_.zero_point + 1}) {
    if (zero_point < range_.qmin || zero_point > range_.qmax) continue;
    for (const double factor : {0.97, 0.99, 1.0, 1.02}) propose(best_.scale * factor, zero_point);
  }
  if (count_ == 0 || moves_++ >= kMostMoves) begin_fit();
}

void ScaleSearch::begin_fit() {
  stage_ = Stage::kFit;
  count_ = 0;
  propose(best_.scale, best_.zero_point);
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

void ScaleSearch::take_errors(const double* d2) {
  const bool better = take_best(d2);
  if (stage_ == Stage::kZeroPoint) {
    if (better) {
      begin_zero_point();
    } else {
      begin_fit();
    }
  } else if (zooms_ < kZooms) {
    begin_zoom();
  } else if (has_zero_point_) {
    begin_zero_point();
  } else {
    begin_fit();
  }
}

void ScaleSearch::take_fit(const ScaleFit& fit) {
  const double scale = tried_[0].scale;
  const double error = scale * scale * fit.d2;
  if (error <= best_error_) {
    best_error_ = error;
    best_ = tried_[0];
  }
  ++fits_;
  // With the codes held, this scale is the least-squares optimum, so it cannot be worse; the next
  // round measures it with its own codes.
  const bool can_improve = fit.qq > 0 && fit.tq > 0 && error > 0;
  if (!can_improve || fits_ > kFits) {
    stage_ = Stage::kDone;
    return;
  }
  stage_ = Stage::kFit;
  count_ = 0;
  propose(scale * fit.tq / fit.qq, tried_[0].zero_point);
}

}  // namespace qat
