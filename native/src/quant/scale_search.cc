#include "quant/scale_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qat {
namespace {

constexpr double kLowestClip = 0.8;             // of mean|x|
constexpr double kLowestClipByMagnitude = 0.2;  // the same for norms below 2, which clip more
constexpr double kLogCoarseRatio = 0.14;        // of neighbouring scales, at most: 15 % apart
constexpr int kFewestCoarse = 16, kMostCoarse = 48;  // whole vectors of the kernels
constexpr int kWider = 16;                           // and scales above that of the largest value
constexpr int kValleyHalf = 5, kFineHalf = 7;  // scales to each side of one that is looked at closely
constexpr int kMostMoves = 8;
constexpr int kFits = 2;

float candidate_error(float x, const ScaleCandidate& c) {
  // Codes are small, so adding and taking away 1.5·2^23 rounds half to even.
  constexpr float kRound = 12582912.0f;
  const float t = x * c.inverse - c.offset;
  const float code = (std::min(std::max(t, c.low), c.high) + kRound) - kRound;
  return std::fabs(t - code);
}

// |d|^norm, read off a table up to four steps: beyond, hardly any element lies at a good scale.
class Power {
 public:
  explicit Power(double norm) : norm_(norm) {
    for (int i = 0; i <= kEntries; ++i) {
      table_[i] = static_cast<float>(std::pow(static_cast<double>(i) / kPerUnit, norm));
    }
  }
  double norm() const { return norm_; }
  double of(float d) const {
    const float at = d * kPerUnit;
    if (!(at < kEntries)) return std::pow(static_cast<double>(d), norm_);
    const int i = static_cast<int>(at);
    const float slope = table_[i + 1] - table_[i];
    return static_cast<double>(table_[i] + (at - static_cast<float>(i)) * slope);
  }

 private:
  static constexpr int kPerUnit = 1024, kEntries = 4 * kPerUnit;
  double norm_;
  float table_[kEntries + 1];
};

const Power& power_of(double norm) {
  thread_local Power power(norm);
  if (power.norm() != norm) power = Power(norm);
  return power;
}

}  // namespace

bool is_searched(const QuantizerConfig& config) {
  if (config.grid == Grid::kBinary) return false;
  if (config.range == RangeEstimator::kMse) return config.grid != Grid::kTernary;
  return config.range == RangeEstimator::kLp;
}

void add_candidate_errors(const float* x, int64_t n, const ScaleCandidate* candidates, int count,
                          double norm, double* errors) {
  if (norm == 2) {
    kernels().scale_errors(x, n, candidates, count, errors);
    return;
  }
  const Power& power = power_of(norm);
  for (int j = 0; j < count; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += power.of(candidate_error(x[i], candidates[j]));
    errors[j] += sum;
  }
}

ScaleSearch::ScaleSearch(int64_t n, const SegmentStats& stats, const QuantizerConfig& config,
                         bool hold_zero_point)
    : range_(code_range(config.grid, config.bits)),
      offset_(static_cast<double>(grid_offset(config.grid))),
      norm_(config.range == RangeEstimator::kLp ? config.norm : 2),
      small_(n <= kSmallSegment),
      has_zero_point_(config.grid == Grid::kUnsigned && !hold_zero_point),
      best_error_(std::numeric_limits<double>::infinity()) {
  const SegmentScale widest = scale_of_ends(stats.min, stats.max, config);
  widest_ = best_ = {widest.scale, widest.zero_point};
  begin_coarse(n, stats);
}

void ScaleSearch::begin_coarse(int64_t n, const SegmentStats& stats) {
  // Shrinking both ends of an unsigned range alike leaves the zero point where it is.
  const int32_t zero_point = widest_.zero_point;
  const double top = range_.qmax - zero_point + offset_;
  const double bottom = zero_point - range_.qmin - offset_;
  const double reach = std::max(top, bottom), high = widest_.scale;
  // Clipping more than the mean never pays. Nor does clipping the largest value by more than what
  // all errors of the abs-max scale s, s/2 each at most, come to together.
  const double lowest_clip = norm_ < 2 ? kLowestClipByMagnitude : kLowestClip;
  const double by_mean = lowest_clip * stats.abs_mean / reach;
  const double count_root = norm_ == 2 ? std::sqrt(static_cast<double>(n))
                                       : std::pow(static_cast<double>(n), 1 / norm_);
  const double most_error = high * count_root / 2;
  const double by_largest = (largest_magnitude(stats) - most_error) / reach;
  const double low = std::clamp(std::max(by_mean, by_largest), high * 1e-6, high / 1.02);
  const double width = std::log(high / low);
  int count = 1 + static_cast<int>(std::ceil(width / kLogCoarseRatio));
  count = std::clamp((count + 15) / 16 * 16, kFewestCoarse, kMostCoarse);
  ratio_ = std::exp(width / (count - 2));
  // Values that lie on a lattice may fit one whose outermost level is beyond them. Up to twice the scale: above,
  // half the scale has all those levels and more.
  for (int i = kWider; i > 0; --i) propose(high * std::exp2(static_cast<double>(i) / kWider), zero_point);
  const double shrink = 1 / ratio_;
  double scale = high;
  for (int i = 0; i < count - 1; ++i, scale *= shrink) propose(scale, zero_point);
  const double tight = std::max(top > 0 ? stats.max / top : 0.0,
                                bottom > 0 ? -stats.min / bottom : 0.0);
  propose(tight > 0 ? tight : high, zero_point);
}

void ScaleSearch::propose(double scale, int32_t zero_point) {
  const Trial tried = {safe_scale(scale, range_), zero_point};
  tried_[count_] = tried;
  ScaleCandidate& candidate = candidates_[count_];
  candidate.inverse = 1.0f / tried.scale;
  candidate.low = static_cast<float>(range_.qmin - zero_point);
  candidate.high = static_cast<float>(range_.qmax - zero_point);
  candidate.offset = static_cast<float>(offset_);
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

// An even row of scales with `about` in its middle; `step` is relative to it.
void ScaleSearch::propose_row(Trial about, int half, double step) {
  for (int i = -half; i <= half; ++i) propose(about.scale * (1 + i * step), about.zero_point);
}

void ScaleSearch::keep_runners_up(const double* errors) {
  double least[2] = {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  runners_up_[0] = runners_up_[1] = best_;
  for (int i = 0; i < count_; ++i) {
    const double error = error_of(tried_[i].scale, errors[i]);
    if (tried_[i].scale == best_.scale || error >= least[1]) continue;
    const bool second = error < least[0];
    if (second) {
      least[1] = least[0];
      runners_up_[1] = runners_up_[0];
    }
    least[second ? 0 : 1] = error;
    runners_up_[second ? 0 : 1] = tried_[i];
  }
}

// From here on all elements are measured: errors of the sample count no more.
void ScaleSearch::begin_zoom() {
  stage_ = Stage::kZoom;
  count_ = 0;
  best_error_ = std::numeric_limits<double>::infinity();
  propose(widest_.scale, widest_.zero_point);
  if (small_) {
    const double step = (ratio_ - 1) / kValleyHalf;  // from neighbour to neighbour
    for (const Trial& about : {best_, runners_up_[0], runners_up_[1]}) propose_row(about, kValleyHalf, step);
    return;
  }
  zoom_ratio_ = std::sqrt(ratio_);
  for (const double factor : {1 / zoom_ratio_, 1.0, zoom_ratio_}) {
    propose(best_.scale * factor, best_.zero_point);
  }
}

void ScaleSearch::after_zoom(const double* errors) {
  if (norm_ == 2) {
    begin_one(Stage::kFit, small_ ? best_ : parabola_vertex(errors));
  } else if (!small_) {
    begin_one(Stage::kVertex, parabola_vertex(errors));
  } else if (!refined_) {
    refined_ = true;
    count_ = 0;
    propose_row(best_, kFineHalf, (ratio_ - 1) / (kValleyHalf * kFineHalf));
  } else {
    stage_ = Stage::kDone;
  }
}

void ScaleSearch::begin_one(Stage stage, Trial at) {
  stage_ = stage;
  count_ = 0;
  propose(at.scale, at.zero_point);
}

double ScaleSearch::error_of(double scale, double sum) const {
  return (norm_ == 2 ? scale * scale : std::pow(scale, norm_)) * sum;
}

// True when a candidate beats the best so far.
bool ScaleSearch::take_best(const double* errors) {
  bool better = false;
  for (int i = 0; i < count_; ++i) {
    const double error = error_of(tried_[i].scale, errors[i]);
    if (error < best_error_) {
      best_error_ = error;
      best_ = tried_[i];
      better = true;
    }
  }
  return better;
}

// Where the parabola through the three scales of the zoom is lowest, over log scale.
ScaleSearch::Trial ScaleSearch::parabola_vertex(const double* errors) const {
  double error[3];
  for (int i = 0; i < 3; ++i) error[i] = error_of(tried_[1 + i].scale, errors[1 + i]);
  const double bend = error[0] - 2 * error[1] + error[2];
  if (best_.scale == widest_.scale || !(bend > 0)) return best_;
  const double shift = std::clamp(0.5 * (error[0] - error[2]) / bend, -1.0, 1.0);
  Trial vertex = tried_[2];
  vertex.scale = safe_scale(tried_[2].scale * std::pow(zoom_ratio_, shift), range_);
  return vertex;
}

void ScaleSearch::take_errors(const double* errors) {
  const bool better = take_best(errors);
  if (stage_ == Stage::kCoarse) keep_runners_up(errors);
  if (stage_ == Stage::kVertex) {
    stage_ = Stage::kDone;
  } else if (stage_ == Stage::kZoom) {
    after_zoom(errors);
  } else if (has_zero_point_ && better) {
    begin_zero_point();
  } else {
    begin_zoom();
  }
}

void ScaleSearch::take_fit(const ScaleFit& fit) {
  const Trial tried = tried_[0];
  const double scale = tried.scale;
  const double error = error_of(scale, fit.d2);
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
    return;
  }
  Trial next = best_;
  if (is_best) next.scale = safe_scale(scale * fit.tq / fit.qq, range_);
  begin_one(Stage::kFit, next);
}

}  // namespace qat
