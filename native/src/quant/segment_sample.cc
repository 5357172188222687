#include "quant/segment_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/scale_search.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr double kLargeValue = 3.2;  // of mean|x|; 1 % of normally distributed values are above
constexpr int64_t kBlock = 16;       // neighbours drawn together: one cache line
constexpr int64_t kFewest = 512, kMost = int64_t{1} << 16, kShare = 8;  // size of the body
constexpr int64_t kChunk = int64_t{1} << 16;

float threshold_of(const SegmentStats& stats) {
  return static_cast<float>(kLargeValue * stats.abs_mean);
}

void append_large(const float* x, int64_t n, float threshold, std::vector<float>* out) {
  constexpr int64_t kPiece = 1024;
  const float infinity = std::numeric_limits<float>::infinity();
  const float ranges[4] = {-infinity, -threshold, threshold, infinity};
  float piece[kPiece];
  for (int64_t from = 0; from < n; from += kPiece) {
    const int64_t found =
        kernels().collect_ranges(x + from, std::min(kPiece, n - from), ranges, 2, piece);
    out->insert(out->end(), piece, piece + found);
  }
}

}  // namespace

void SegmentSample::draw_body(const float* x, int64_t n, float threshold) {
  const int64_t blocks = std::clamp(n / kShare, kFewest, kMost) / kBlock;
  body_.resize(static_cast<size_t>(blocks * kBlock));
  float* out = body_.data();
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t begin = n * b / blocks, room = n * (b + 1) / blocks - begin - kBlock;
    const uint32_t hash = static_cast<uint32_t>(b) * 2654435761u;  // Knuth's multiplicative one
    const int64_t at = begin + static_cast<int64_t>((hash >> 8) % static_cast<uint32_t>(room + 1));
    for (int64_t i = 0; i < kBlock; ++i) {
      const float value = x[at + i];
      if (std::fabs(value) < threshold) *out++ = value;
    }
  }
  body_.resize(static_cast<size_t>(out - body_.data()));
  weight_ = static_cast<double>(n) / static_cast<double>(blocks * kBlock);
}

void SegmentSample::take(const float* x, int64_t n, const SegmentStats& stats,
                         const CancelToken* cancel) {
  x_ = x;
  n_ = n;
  if (n <= kSmallSegment) return;
  const float threshold = threshold_of(stats);
  tail_.clear();
  if (n <= kChunk) {
    append_large(x, n, threshold, &tail_);
    draw_body(x, n, threshold);
    return;
  }
  std::vector<std::vector<float>> parts(static_cast<size_t>(chunk_count(n, kChunk)));
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    append_large(x + begin, end - begin, threshold, &parts[static_cast<size_t>(chunk)]);
  });
  for (const auto& part : parts) tail_.insert(tail_.end(), part.begin(), part.end());
  draw_body(x, n, threshold);
}

void SegmentSample::errors(const ScaleCandidate* candidates, int count, double norm,
                           double* errors) const {
  std::fill(errors, errors + count, 0.0);
  if (n_ <= kSmallSegment) {
    add_candidate_errors(x_, n_, candidates, count, norm, errors);
    return;
  }
  add_candidate_errors(body_.data(), static_cast<int64_t>(body_.size()), candidates, count, norm,
                       errors);
  for (int i = 0; i < count; ++i) errors[i] *= weight_;
  add_candidate_errors(tail_.data(), static_cast<int64_t>(tail_.size()), candidates, count, norm,
                       errors);
}

}  // namespace qat
