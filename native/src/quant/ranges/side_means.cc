#include "quant/ranges/side_means.h"

#include <vector>

#include "runtime/thread_pool.h"

namespace qat {

SideMeans means_beyond(const Segment& segment, float threshold) {
  constexpr int64_t kChunk = int64_t{1} << 16;
  const float* x = segment.x();
  std::vector<SideMeans> parts(static_cast<size_t>(chunk_count(segment.size(), kChunk)));
  parallel_chunks(segment.size(), kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    throw_if_cancelled(segment.cancel());
    SideMeans& part = parts[static_cast<size_t>(chunk)];
    for (int64_t i = begin; i < end; ++i) {
      if (x[i] > threshold) {
        part.plus_sum += static_cast<double>(x[i]);
        ++part.plus;
      } else if (x[i] < -threshold) {
        part.minus_sum -= static_cast<double>(x[i]);
        ++part.minus;
      }
    }
  });
  SideMeans total;
  for (const SideMeans& part : parts) {
    total.plus_sum += part.plus_sum;
    total.minus_sum += part.minus_sum;
    total.plus += part.plus;
    total.minus += part.minus;
  }
  return total;
}

}  // namespace qat
