// The search for the scale (and zero point) of least squared error of one set of elements, as a
// sequence of questions: the owner of the elements measures each candidate and hands the answers
// back. So the same search serves a row in cache and a tensor spread over threads.
//
// 1. coarse: a geometric row of scales from the one that just holds max|x| down to the one whose
//    range ends at 0.8 mean|x| (clipping more than the mean never pays). The error is not convex.
// 2. zoom: three ever finer rows around the best one.
// 3. unsigned only: the zero point is moved by one while that lowers the error.
// 4. fit: least-squares scale for the codes of the best scale, s* = Σqx / Σq², twice.
#pragma once

#include <cstdint>

#include "qat/kernels.h"
#include "quant/grid.h"

namespace qat {

struct SegmentStats {  // of the elements that share one scale
  double min = 0, max = 0, abs_mean = 0;
};

struct SegmentScale {
  float scale = 1;
  int32_t zero_point = 0;
};

// Where every search and the simple estimators start: abs-max, min-max or LSQ; binary: mean|x|.
SegmentScale initial_scale(const SegmentStats& stats, const QuantizerConfig& config);
// Positive, finite and not below the smallest normal float.
float safe_scale(double scale);

class ScaleSearch {
 public:
  static constexpr int kMostCandidates = 48;

  // `small` sets have a jagged objective: they get a finer coarse row.
  ScaleSearch(const SegmentStats& stats, const QuantizerConfig& config, bool small);

  // For activations: keeps the zero point it began with.
  void hold_zero_point() { has_zero_point_ = false; }

  bool done() const { return stage_ == Stage::kDone; }
  // Asks for Σ(t − q)² of these candidates (scale_errors) ...
  bool wants_errors() const { return stage_ != Stage::kDone && stage_ != Stage::kFit; }
  // ... or for the sums of the one at candidates()[0] (scale_fit).
  bool wants_fit() const { return stage_ == Stage::kFit; }
  const ScaleCandidate* candidates() const { return candidates_; }
  int count() const { return count_; }

  void take_errors(const double* d2);
  void take_fit(const ScaleFit& fit);
  SegmentScale result() const { return best_; }

 private:
  enum class Stage { kCoarse, kZoom, kZeroPoint, kFit, kDone };

  void propose(double scale, int32_t zero_point);
  void propose_row(double low, double high, int count, bool with_ends);
  void begin_zoom();
  void begin_zero_point();
  void begin_fit();
  bool take_best(const double* d2);

  CodeRange range_;
  bool has_zero_point_;
  Stage stage_ = Stage::kCoarse;
  int zooms_ = 0, moves_ = 0, fits_ = 0;
  double log_step_ = 0;  // distance of neighbours in the last row, as a logarithm
  double best_error_;
  SegmentScale best_;
  int count_ = 0;
  ScaleCandidate candidates_[kMostCandidates];
  SegmentScale tried_[kMostCandidates];
};

}  // namespace qat
