// The engine's own threads. One process-wide pool; the calling thread always takes part.
//
// Work is cut into ranges by n, grain and the thread count alone; which thread runs which range is
// decided at run time. A function that writes only to its own range gives the same bits always; for
// reductions use parallel_chunks, whose chunks do not depend on the thread count.
//
// Safe from several threads at once: while one caller has the pool, another runs its ranges itself and
// shares what is left as soon as the pool is free.
// Nested calls run inline. The first exception of a range is rethrown to the caller after all
// started ranges have ended; ranges not yet started are skipped.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

namespace qat {

// Threads in use, the caller included. Default: the hardware's, at most 64.
int thread_count();
// 1 ... 64 (clamped). Waits for the running job. Not to be called from inside a parallel region.
void set_threads(int count);

namespace internal {
using RangeFn = void (*)(void* context, int64_t begin, int64_t end);
void run_ranges(int64_t n, int64_t grain, RangeFn fn, void* context);
}  // namespace internal

// Calls fn(begin, end) over disjoint ranges covering [0, n); all boundaries but n are multiples of
// `grain`. n <= grain stays on the calling thread.
template <typename Fn>
void parallel_for(int64_t n, int64_t grain, Fn&& fn) {
  using F = std::remove_reference_t<Fn>;
  internal::run_ranges(
      n, grain, [](void* c, int64_t begin, int64_t end) { (*static_cast<F*>(c))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

inline int64_t chunk_count(int64_t n, int64_t chunk) { return (n + chunk - 1) / chunk; }

// Calls fn(index, begin, end) for every chunk of `chunk` elements (the last may be short). The
// chunks are the same for every thread count: give each its own partial result and add them in
// order.
template <typename Fn>
void parallel_chunks(int64_t n, int64_t chunk, Fn&& fn) {
  parallel_for(chunk_count(n, chunk), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = i * chunk;
      fn(i, begin, begin + chunk < n ? begin + chunk : n);
    }
  });
}

}  // namespace qat
