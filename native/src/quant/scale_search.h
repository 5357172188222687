// The search for the scale (and zero point) of least error of one set of elements, as a sequence of
// questions: the owner of the elements measures each candidate and hands the answers back. So the
// same search serves a row in cache and a tensor spread over threads. The error is Σ|x − x̂|^norm.
// Questions come in two kinds: on a sample of the elements (segment_sample.h; small sets are their
// own sample), and on all of them.
//
// 1. coarse, sample: a geometric row of scales from the abs-max one down to the lowest that can be
//    best, and the scale that just holds all values. The error is not convex.
// 2. unsigned only, sample: the zero point is moved by one while that lowers the error.
// 3. zoom, all elements: around the best one, and the abs-max scale. Small sets have a jagged
//    objective and get a fine row; the others three scales, whose parabola gives a fourth.
// 4. fit, all elements, norm 2: least-squares scale for the codes of the best scale,
//    s* = Σqx / Σq². Other norms have no such formula: small sets get a second, finer row, the
//    others the fourth scale alone.
#pragma once

#include <cstdint>

#include "qat/kernels.h"
#include "quant/grid.h"
#include "quant/segment_stats.h"

namespace qat {

// True where the estimate is the result of a search.
bool is_searched(const QuantizerConfig& config);

// errors[i] += Σ |t − q|^norm of x [n] for each candidate: the kernel scale_errors for norm 2.
void add_candidate_errors(const float* x, int64_t n, const ScaleCandidate* candidates, int count,
                          double norm, double* errors);

class ScaleSearch {
 public:
  static constexpr int kMostCandidates = 64;

  // n elements with these statistics. A held zero point stays where the abs-max scale has it.
  ScaleSearch(int64_t n, const SegmentStats& stats, const QuantizerConfig& config,
              bool hold_zero_point = false);

  double norm() const { return norm_; }
  bool done() const { return stage_ == Stage::kDone; }
  // Asks for Σ|t − q|^norm of these candidates over the sample ...
  bool wants_sample() const { return stage_ == Stage::kCoarse || stage_ == Stage::kZeroPoint; }
  // ... over all elements ...
  bool wants_errors() const { return stage_ == Stage::kZoom || stage_ == Stage::kVertex; }
  // ... or for the sums of the one at candidates()[0] (scale_fit) over all elements.
  bool wants_fit() const { return stage_ == Stage::kFit; }
  const ScaleCandidate* candidates() const { return candidates_; }
  int count() const { return count_; }

  void take_errors(const double* errors);  // of the sample or of all elements, as asked for
  void take_fit(const ScaleFit& fit);
  SegmentScale result() const {
    SegmentScale found;
    found.scale = best_.scale;
    found.zero_point = best_.zero_point;
    return found;
  }

 private:
  enum class Stage { kCoarse, kZeroPoint, kZoom, kVertex, kFit, kDone };
  struct Trial {
    float scale;
    int32_t zero_point;
  };

  void begin_coarse(int64_t n, const SegmentStats& stats);
  void begin_zero_point();
  void begin_zoom();
  void propose_row(Trial about, int half, double step);
  void keep_runners_up(const double* errors);
  void after_zoom(const double* errors);
  void begin_one(Stage stage, Trial at);
  void propose(double scale, int32_t zero_point);
  double error_of(double scale, double sum) const;
  bool take_best(const double* errors);
  Trial parabola_vertex(const double* errors) const;

  CodeRange range_;
  double offset_;  // of the grid's levels
  double norm_;
  bool small_;
  bool has_zero_point_;
  Stage stage_ = Stage::kCoarse;
  int moves_ = 0, fits_ = 0;
  bool refined_ = false;
  double ratio_ = 1, zoom_ratio_ = 1;  // of neighbours in the coarse row, in the parabola
  double best_error_;
  Trial widest_;  // abs-max
  Trial best_;
  Trial runners_up_[2];  // the next best of the coarse row: of few values each scale is a valley of its own
  int count_ = 0;
  ScaleCandidate candidates_[kMostCandidates];
  Trial tried_[kMostCandidates];
};

}  // namespace qat
