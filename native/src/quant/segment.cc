#include "quant/segment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/percentiles.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = int64_t{1} << 16;

// Values that are not negative, by the digits of their bits, which order as they do. `scratch` has
// room for n.
void sort_chunk(float* values, int64_t n, float* scratch) {
  constexpr int kDigit = 11, kDigits = 3;
  constexpr uint32_t kBuckets = 1u << kDigit;
  constexpr int64_t kFew = 256;
  if (n <= kFew) {
    std::sort(values, values + n);
    return;
  }
  const auto digit_of = [](float value, int digit) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits >> (kDigit * digit) & (kBuckets - 1);
  };
  for (int digit = 0; digit < kDigits; ++digit) {
    uint32_t next[kBuckets + 1] = {};
    for (int64_t i = 0; i < n; ++i) ++next[digit_of(values[i], digit) + 1];
    for (uint32_t b = 1; b < kBuckets; ++b) next[b] += next[b - 1];
    for (int64_t i = 0; i < n; ++i) scratch[next[digit_of(values[i], digit)]++] = values[i];
    std::copy(scratch, scratch + n, values);
  }
}

// Sorted chunks are merged in pairs until one is left.
void sort_magnitudes(std::vector<float>* values, const CancelToken* cancel) {
  const auto n = static_cast<int64_t>(values->size());
  std::vector<float> merged(values->size());
  float* data = values->data();
  parallel_chunks(n, kChunk, [&](int64_t, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    sort_chunk(data + begin, end - begin, merged.data() + begin);
  });
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

double kept_percentile(const float* x, int64_t n, double percentage, const CancelToken* cancel,
                       std::vector<Percentile>* kept) {
  for (const Percentile& known : *kept) {
    if (known.p == percentage) return known.value;
  }
  kept->push_back(compute_percentiles(x, n, {percentage}, cancel)[0]);
  return kept->back().value;
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
  percentiles_.clear();
  magnitude_percentiles_.clear();
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
    sort_magnitudes(&sorted_, cancel_);
  }
  return sorted_;
}

double Segment::percentile(double percentage) const {
  return kept_percentile(x_, n_, percentage, cancel_, &percentiles_);
}

double Segment::magnitude_percentile(double percentage) const {
  return kept_percentile(magnitudes().data(), n_, percentage, cancel_, &magnitude_percentiles_);
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
