// The search for the scale (and zero point) of least squared error of one set of elements, as a
// sequence of questions: the owner of the elements measures each candidate and hands the answers
// back. So the same search serves a row in cache and a tensor spread over threads. Questions come
// in two kinds: on a sample of the elements (segment_sample.h; small sets are their own sample),
// and on all of them.
//
// 1. coarse, sample: a geometric row of scales from the abs-max one down to the lowest that can be
//    best, and the scale that just holds all values. The error is not convex.
// 2. unsigned only, sample: the zero point is moved by one while that lowers the error.
// 3. zoom, all elements: around the best one, and the abs-max scale. Small sets have a jagged
//    objective and get a fine row; the others three scales, whose parabola gives a fourth.
// 4. fit, all elements: least-squares scale for the codes of the best scale, s* = Σqx / Σq².
#pragma once

#include <cstdint>

#include "qat/kernels.h"
#include "quant/grid.h"

namespace qat {

// Up to this many elements the objective of the search is jagged.
constexpr int64_t kSmallSegment = 1024;

struct SegmentStats {  // of the elements that share one scale
  double min = 0, max = 0, abs_mean = 0;
};

struct SegmentScale {
  float scale = 1;
  int32_t zero_point = 0;
};

// Where every search and the simple estimators start: abs-max, min-max or LSQ; binary: mean|x|.
SegmentScale initial_scale(const SegmentStats& stats, const QuantizerConfig& config);
// Not below the smallest normal float, and low enough that every level of the grid is finite.
float safe_scale(double scale, const CodeRange& range);
// True where the estimate is the result of a search.
bool is_searched(const QuantizerConfig& config);

class ScaleSearch {
 public:
  static constexpr int kMostCandidates = 48;

  // n elements with these statistics.
  ScaleSearch(int64_t n, const SegmentStats& stats, const QuantizerConfig& config);

  // For activations: keeps the zero point it began with.
  void hold_zero_point() { has_zero_point_ = false; }

  bool done() const { return stage_ == Stage::kDone; }
  // Asks for Σ(t − q)² of these candidates (scale_errors) over the sample ...
  bool wants_sample() const { return stage_ == Stage::kCoarse || stage_ == Stage::kZeroPoint; }
  // ... over all elements ...
  bool wants_errors() const { return stage_ == Stage::kZoom; }
  // ... or for the sums of the one at candidates()[0] (scale_fit) over all elements.
  bool wants_fit() const { return stage_ == Stage::kFit; }
  const ScaleCandidate* candidates() const { return candidates_; }
  int count() const { return count_; }

  void take_errors(const double* d2);  // of the sample or of all elements, as asked for
  void take_fit(const ScaleFit& fit);
  SegmentScale result() const { return best_; }

 private:
  enum class Stage { kCoarse, kZeroPoint, kZoom, kFit, kDone };

  void begin_coarse(int64_t n, const SegmentStats& stats);
  void begin_zero_point();
  void begin_zoom();
  void begin_fit(SegmentScale at);
  void propose(double scale, int32_t zero_point);
  bool take_best(const double* d2);
  SegmentScale parabola_vertex(const double* d2) const;

  CodeRange range_;
  bool small_;
  bool has_zero_point_;
  Stage stage_ = Stage::kCoarse;
  int moves_ = 0, fits_ = 0;
  double ratio_ = 1, zoom_ratio_ = 1;  // of neighbours in the coarse row, in the parabola
  double best_error_;
  SegmentScale widest_;  // abs-max
  SegmentScale best_;
  int count_ = 0;
  ScaleCandidate candidates_[kMostCandidates];
  SegmentScale tried_[kMostCandidates];
};

}  // namespace qat
