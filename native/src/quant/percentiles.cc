#include "quant/percentiles.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>

#include "qat/error.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kSortedBelow = int64_t{1} << 15;  // shorter inputs are copied and sorted
constexpr uint32_t kBuckets = 1u << 16;

// Orders as the float does: -inf ... -0, +0 ... +inf.
uint32_t key_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

float value_of(uint32_t key) {
  const uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Counts of the upper or lower 16 bits of keys, merged from all threads.
using Counts = std::vector<int64_t>;

int64_t range_grain(int64_t n) { return (n + thread_count() - 1) / thread_count(); }

constexpr int64_t kPoll = int64_t{1} << 18;  // elements between two looks at the cancel flag

Counts count_upper_halves(const float* x, int64_t n, const CancelToken* cancel) {
  Counts total(kBuckets, 0);
  std::mutex merge;
  parallel_for(n, range_grain(n), [&](int64_t begin, int64_t end) {
    std::vector<uint32_t> local(kBuckets, 0);
    for (int64_t from = begin; from < end; from += kPoll) {
      throw_if_cancelled(cancel);
      const int64_t to = std::min(end, from + kPoll);
      for (int64_t i = from; i < to; ++i) ++local[key_of(x[i]) >> 16];
    }
    std::lock_guard<std::mutex> lock(merge);
    for (uint32_t b = 0; b < kBuckets; ++b) total[b] += local[b];
  });
  return total;
}

// For every marked bucket (slot_of[b] >= 0) the counts of the lower halves of its keys.
std::vector<Counts> count_lower_halves(const float* x, int64_t n,
                                       const std::vector<int8_t>& slot_of, size_t slots,
                                       const CancelToken* cancel) {
  std::vector<Counts> total(slots);
  std::mutex merge;
  // One bit per bucket fits the first-level cache; few elements pass it.
  std::vector<uint64_t> marked(kBuckets / 64, 0);
  for (uint32_t b = 0; b < kBuckets; ++b) {
    if (slot_of[b] >= 0) marked[b >> 6] |= uint64_t{1} << (b & 63);
  }
  parallel_for(n, range_grain(n), [&](int64_t begin, int64_t end) {
    std::vector<std::vector<uint32_t>> local(slots);
    for (int64_t from = begin; from < end; from += kPoll) {
      throw_if_cancelled(cancel);
      const int64_t to = std::min(end, from + kPoll);
      for (int64_t i = from; i < to; ++i) {
        const uint32_t key = key_of(x[i]);
        const uint32_t bucket = key >> 16;
        if (!((marked[bucket >> 6] >> (bucket & 63)) & 1)) continue;
        std::vector<uint32_t>& counts = local[static_cast<size_t>(slot_of[bucket])];
        if (counts.empty()) counts.resize(kBuckets, 0);
        ++counts[key & 0xffffu];
      }
    }
    std::lock_guard<std::mutex> lock(merge);
    for (size_t s = 0; s < slots; ++s) {
      if (local[s].empty()) continue;
      if (total[s].empty()) total[s].resize(kBuckets, 0);
      for (uint32_t b = 0; b < kBuckets; ++b) total[s][b] += local[s][b];
    }
  });
  return total;
}

// The values at the given ranks (ascending, distinct, at most 127 of them).
std::vector<float> select_ranks(const float* x, int64_t n, const std::vector<int64_t>& ranks,
                                const CancelToken* cancel) {
  const Counts upper = count_upper_halves(x, n, cancel);
  std::vector<int8_t> slot_of(kBuckets, -1);
  std::vector<uint32_t> bucket_of_rank;
  std::vector<int64_t> rank_in_bucket;
  size_t slots = 0;
  int64_t before = 0;
  uint32_t bucket = 0;
  for (const int64_t rank : ranks) {
    while (before + upper[bucket] <= rank) before += upper[bucket++];
    if (slot_of[bucket] < 0) slot_of[bucket] = static_cast<int8_t>(slots++);
    bucket_of_rank.push_back(bucket);
    rank_in_bucket.push_back(rank - before);
  }
  const std::vector<Counts> lower = count_lower_halves(x, n, slot_of, slots, cancel);
  std::vector<float> values;
  for (size_t i = 0; i < ranks.size(); ++i) {
    const Counts& counts = lower[static_cast<size_t>(slot_of[bucket_of_rank[i]])];
    uint32_t low = 0;
    for (int64_t left = rank_in_bucket[i]; counts[low] <= left; ++low) left -= counts[low];
    values.push_back(value_of((bucket_of_rank[i] << 16) | low));
  }
  return values;
}

std::vector<float> values_at(const float* x, int64_t n, const std::vector<int64_t>& ranks,
                             const CancelToken* cancel) {
  std::vector<float> values;
  if (n < kSortedBelow) {
    std::vector<float> sorted(x, x + n);
    std::sort(sorted.begin(), sorted.end());
    for (const int64_t rank : ranks) values.push_back(sorted[static_cast<size_t>(rank)]);
    return values;
  }
  const size_t kMostAtOnce = 64;
  for (size_t i = 0; i < ranks.size(); i += kMostAtOnce) {
    const size_t end = std::min(ranks.size(), i + kMostAtOnce);
    const std::vector<int64_t> some(ranks.begin() + static_cast<std::ptrdiff_t>(i),
                                    ranks.begin() + static_cast<std::ptrdiff_t>(end));
    const std::vector<float> found = select_ranks(x, n, some, cancel);
    values.insert(values.end(), found.begin(), found.end());
  }
  return values;
}

// The bins that hold the wanted ranks, as closed ranges of floats, and where the ranks lie among
// the values inside those ranges.
struct RankBins {
  std::vector<float> ranges;       // low, high by turns, ascending
  std::vector<int64_t> positions;  // of each rank
  int64_t held = 0;
};

RankBins bins_of_ranks(const Histogram& h, const std::vector<int64_t>& ranks) {
  const size_t bins = h.counts.size();
  const double step = (h.high - h.low) / static_cast<double>(bins);
  const float infinity = std::numeric_limits<float>::infinity();
  const auto edge = [&](size_t b) {
    return b == bins ? h.high : static_cast<double>(b) * step + h.low;
  };
  RankBins result;
  int64_t before = 0, held_before = 0;  // of the current bin: in all bins below it, in wanted ones
  size_t bin = 0;
  bool wanted = false;
  for (const int64_t rank : ranks) {
    while (before + h.counts[bin] <= rank) {
      if (wanted) held_before = result.held;
      wanted = false;
      before += h.counts[bin++];
    }
    if (!wanted) {
      float low = static_cast<float>(edge(bin)), high = static_cast<float>(edge(bin + 1));
      if (static_cast<double>(low) < edge(bin)) low = std::nextafterf(low, infinity);
      const bool closed = bin + 1 == bins;  // the last bin holds its upper edge
      const double top = static_cast<double>(high);
      if (top > edge(bin + 1) || (!closed && top == edge(bin + 1))) {
        high = std::nextafterf(high, -infinity);
      }
      result.ranges.insert(result.ranges.end(), {low, high});
      result.held += h.counts[bin];
      wanted = true;
    }
    result.positions.push_back(held_before + rank - before);
  }
  return result;
}

std::vector<float> collect(const float* x, int64_t n, const RankBins& bins,
                           const CancelToken* cancel) {
  constexpr int64_t kPiece = 2048;
  std::vector<float> all;
  all.reserve(static_cast<size_t>(bins.held));
  std::mutex merge;
  parallel_for(n, kPoll, [&](int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    std::vector<float> some;
    float piece[kPiece];
    for (int64_t from = begin; from < end; from += kPiece) {
      const int64_t found =
          kernels().collect_ranges(x + from, std::min(kPiece, end - from), bins.ranges.data(),
                                   static_cast<int>(bins.ranges.size() / 2), piece);
      some.insert(some.end(), piece, piece + found);
    }
    std::lock_guard<std::mutex> lock(merge);  // selection does not mind the order
    all.insert(all.end(), some.begin(), some.end());
  });
  return all;
}

std::vector<float> values_in_bins(const float* x, int64_t n, const Histogram& histogram,
                                  const std::vector<int64_t>& ranks, const CancelToken* cancel) {
  constexpr int64_t kWorthShare = 16;
  if (n < kSortedBelow || histogram.below || histogram.above) return values_at(x, n, ranks, cancel);
  const RankBins bins = bins_of_ranks(histogram, ranks);
  if (bins.held > n / kWorthShare) return values_at(x, n, ranks, cancel);
  std::vector<float> held = collect(x, n, bins, cancel);
  std::vector<float> values;
  auto first = held.begin();
  for (const int64_t position : bins.positions) {
    const auto at = held.begin() + static_cast<std::ptrdiff_t>(position);
    std::nth_element(first, at, held.end());
    values.push_back(*at);
    first = at;
  }
  return values;
}

// Ranks around each percentage, ascending and distinct.
std::vector<int64_t> ranks_of(int64_t n, const std::vector<double>& percentages) {
  std::vector<int64_t> ranks;
  for (const double p : percentages) {
    if (!(p >= 0 && p <= 100)) {
      throw Error("E-NATIVE-ARGUMENT", "Percentile " + std::to_string(p) + " does not exist.",
                  "Ask for percentiles from 0 to 100.");
    }
    const int64_t rank = static_cast<int64_t>(p / 100.0 * static_cast<double>(n - 1));
    ranks.push_back(rank);
    ranks.push_back(std::min(rank + 1, n - 1));
  }
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

std::vector<Percentile> interpolate(int64_t n, const std::vector<double>& percentages,
                                    const std::vector<int64_t>& ranks,
                                    const std::vector<float>& values) {
  const auto value_at = [&](int64_t rank) {
    const auto at = std::lower_bound(ranks.begin(), ranks.end(), rank) - ranks.begin();
    return static_cast<double>(values[static_cast<size_t>(at)]);
  };
  std::vector<Percentile> result;
  for (const double p : percentages) {
    const double position = p / 100.0 * static_cast<double>(n - 1);
    const int64_t rank = static_cast<int64_t>(position);
    const double low = value_at(rank), high = value_at(std::min(rank + 1, n - 1));
    result.push_back({p, low + (high - low) * (position - static_cast<double>(rank))});
  }
  return result;
}

}  // namespace

std::vector<Percentile> compute_percentiles(const float* x, int64_t n,
                                            const std::vector<double>& percentages,
                                            const CancelToken* cancel) {
  const std::vector<int64_t> ranks = ranks_of(n, percentages);
  return interpolate(n, percentages, ranks, values_at(x, n, ranks, cancel));
}

std::vector<Percentile> compute_percentiles(const float* x, int64_t n, const Histogram& histogram,
                                            const std::vector<double>& percentages,
                                            const CancelToken* cancel) {
  const std::vector<int64_t> ranks = ranks_of(n, percentages);
  return interpolate(n, percentages, ranks, values_in_bins(x, n, histogram, ranks, cancel));
}

}  // namespace qat
