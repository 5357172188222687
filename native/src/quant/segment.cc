#include "quant/segment.h"

#include <algorithm>
#include <cmath>

#include "quant/statistics.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = int64_t{1} << 16;

// Sorted chunks are merged in pairs until one is left.
void sort_values(std::vector<float>* values, const CancelToken* cancel) {
  const auto n = static_cast<int64_t>(values->size());
  float* data = values->data();
  parallel_chunks(n, kChunk, [&](int64_t, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    std::sort(data + begin, data + end);
  });
  std::vector<float> merged(n > kChunk ? values->size() : 0);
  for (int64_t width = kChunk; width < n; width *= 2) {
    const float* from = values->data();
    parallel_chunks(n, 2 * width, [&](int64_t, int64_t begin, int64_t end) {
      throw_if_cancelled(cancel);
      const int64_t middle = std::min(begin + width, end);
      std::merge(from + begin, from + middle, from + middle, from + end, merged.data() + begin);
    });
    values->swap(merged);
  }
}

}  // namespace

void Segment::assign(const float* x, int64_t n, const CancelToken* cancel) {
  x_ = x;
  n_ = n;
  cancel_ = cancel;
  stats_ = segment_stats(x, n, cancel);
  has_sample_ = false;
  magnitudes_.clear();
  sorted_.clear();
  counts_.clear();
}

const SegmentSample& Segment::sample() const {
  if (!has_sample_) sample_.take(x_, n_, stats_, cancel_);
  has_sample_ = true;
  return sample_;
}

const std::vector<float>& Segment::magnitudes() const {
  if (magnitudes_.empty()) {
    magnitudes_.resize(static_cast<size_t>(n_));
    float* out = magnitudes_.data();
    parallel_chunks(n_, kChunk, [&](int64_t, int64_t begin, int64_t end) {
      throw_if_cancelled(cancel_);
      for (int64_t i = begin; i < end; ++i) out[i] = std::fabs(x_[i]);
    });
  }
  return magnitudes_;
}

const std::vector<float>& Segment::sorted_magnitudes() const {
  if (sorted_.empty()) {
    sorted_ = magnitudes();
    sort_values(&sorted_, cancel_);
  }
  return sorted_;
}

const std::vector<int64_t>& Segment::magnitude_counts() const {
  if (counts_.empty()) {
    counts_ = compute_histogram(magnitudes().data(), n_, {0.0, largest_magnitude(stats_)},
                                kMagnitudeBins, cancel_)
                  .counts;
  }
  return counts_;
}

}  // namespace qat
