#include "quant/segment_range.h"

#include <algorithm>
#include <array>

#include "qat/kernels.h"
#include "quant/ranges/range_rows.h"
#include "quant/scale_search.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = int64_t{1} << 16;  // elements: half a second-level cache

// Answers the questions about the sample; the searches run side by side.
void search_sample(std::vector<ScaleSearch>& searches, const SegmentSample& sample,
                   const CancelToken* cancel) {
  parallel_for(static_cast<int64_t>(searches.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      ScaleSearch& search = searches[static_cast<size_t>(s)];
      while (search.wants_sample()) {
        throw_if_cancelled(cancel);
        double errors[ScaleSearch::kMostCandidates];
        sample.errors(search.candidates(), search.count(), search.norm(), errors);
        search.take_errors(errors);
      }
    }
  });
}

// What one chunk of elements says to one search.
struct Answer {
  std::array<double, ScaleSearch::kMostCandidates> errors{};
  ScaleFit fit;

  void add(const Answer& other) {
    for (size_t i = 0; i < errors.size(); ++i) errors[i] += other.errors[i];
    fit.tq += other.fit.tq;
    fit.qq += other.fit.qq;
    fit.d2 += other.fit.d2;
  }
};

void ask(const ScaleSearch& search, const float* x, int64_t n, Answer* answer) {
  if (search.wants_errors()) {
    add_candidate_errors(x, n, search.candidates(), search.count(), search.norm(),
                         answer->errors.data());
  } else if (search.wants_fit()) {
    kernels().scale_fit(x, n, search.candidates()[0], &answer->fit);
  }
}

// Answers one question of each search about all elements: one read of them serves all searches.
void answer_all(std::vector<ScaleSearch>& searches, const Segment& segment) {
  const int64_t n = segment.size();
  const auto chunks = static_cast<size_t>(chunk_count(n, kChunk));
  std::vector<Answer> parts(chunks * searches.size());
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    throw_if_cancelled(segment.cancel());
    for (size_t s = 0; s < searches.size(); ++s) {
      const size_t slot = static_cast<size_t>(chunk) * searches.size() + s;
      ask(searches[s], segment.x() + begin, end - begin, &parts[slot]);
    }
  });
  for (size_t s = 0; s < searches.size(); ++s) {
    Answer total;
    for (size_t chunk = 0; chunk < chunks; ++chunk) total.add(parts[chunk * searches.size() + s]);
    if (searches[s].wants_errors()) {
      searches[s].take_errors(total.errors.data());
    } else if (searches[s].wants_fit()) {
      searches[s].take_fit(total.fit);
    }
  }
}

// Runs the searches to their ends.
void search_all(std::vector<ScaleSearch>& searches, const Segment& segment) {
  if (searches.empty()) return;
  search_sample(searches, segment.sample(), segment.cancel());
  const auto done = [](const ScaleSearch& s) { return s.done(); };
  while (!std::all_of(searches.begin(), searches.end(), done)) answer_all(searches, segment);
}

// The same for one search of a few elements, without the arrays.
SegmentScale search_row(ScaleSearch& search, const Segment& segment) {
  while (!search.done()) {
    if (search.wants_fit()) {
      ScaleFit fit;
      kernels().scale_fit(segment.x(), segment.size(), search.candidates()[0], &fit);
      search.take_fit(fit);
      continue;
    }
    double errors[ScaleSearch::kMostCandidates];
    if (search.wants_sample()) {
      segment.sample().errors(search.candidates(), search.count(), search.norm(), errors);
    } else {
      std::fill(errors, errors + search.count(), 0.0);
      add_candidate_errors(segment.x(), segment.size(), search.candidates(), search.count(),
                           search.norm(), errors);
    }
    search.take_errors(errors);
  }
  return search.result();
}

}  // namespace

SegmentScale search_scale(const Segment& segment, const QuantizerConfig& config,
                          bool hold_zero_point) {
  ScaleSearch search(segment.size(), segment.stats(), config, hold_zero_point);
  if (segment.size() <= kChunk) return search_row(search, segment);
  std::vector<ScaleSearch> searches = {search};
  search_all(searches, segment);
  return searches[0].result();
}

std::vector<SegmentScale> estimate_scales_of(const Segment& segment,
                                             const std::vector<QuantizerConfig>& configs) {
  std::vector<SegmentScale> results(configs.size());
  std::vector<ScaleSearch> searches;
  std::vector<size_t> searched;
  for (size_t i = 0; i < configs.size(); ++i) {
    if (!is_searched(configs[i]) || has_plain_scale(segment.stats(), configs[i], &results[i])) {
      results[i] = estimate_segment(segment, configs[i]);
      continue;
    }
    searches.emplace_back(segment.size(), segment.stats(), configs[i]);
    searched.push_back(i);
  }
  search_all(searches, segment);
  for (size_t s = 0; s < searches.size(); ++s) {
    results[searched[s]] = with_threshold(searches[s].result(), configs[searched[s]]);
  }
  return results;
}

void put_scale(const SegmentScale& found, size_t index, Scales* scales) {
  scales->scales[index] = found.scale;
  if (!scales->zero_points.empty()) scales->zero_points[index] = found.zero_point;
  if (!scales->thresholds.empty()) scales->thresholds[index] = found.threshold;
  if (!scales->negative_scales.empty()) scales->negative_scales[index] = found.negative_scale;
}

RowEstimator::RowEstimator(const ScaleLayout& layout)
    : layout_(layout), segments_(static_cast<size_t>(layout.groups_per_row())) {}

void RowEstimator::set_row(const float* row, const CancelToken* cancel) {
  int64_t begin = 0;
  for (Segment& segment : segments_) {
    const int64_t n = std::min(layout_.group_cols, layout_.cols - begin);
    segment.assign(row + begin, n, cancel);
    begin += n;
  }
}

void RowEstimator::estimate(const QuantizerConfig& config, int64_t first, Scales* scales) const {
  for (size_t g = 0; g < segments_.size(); ++g) {
    put_scale(estimate_segment(segments_[g], config), static_cast<size_t>(first) + g, scales);
  }
}

}  // namespace qat
