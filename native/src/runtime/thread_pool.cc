#include "runtime/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace qat {
namespace {

constexpr int kMostThreads = 64;
constexpr int64_t kMostRanges = 4096;
constexpr int64_t kRangesPerThread = 4;  // lets the faster thread take more
constexpr int kSpins = 2000;             // about 50 us before a waiting thread sleeps

thread_local bool inside_parallel_region = false;

void pause_briefly() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// One parallel_for. Boundaries depend on n, grain and the thread count only.
struct Ranges {
  int64_t n = 0, grain = 1, count = 1;
  int64_t first = 0;  // the caller has run those before it alone

  int64_t left() const { return count - first; }
  int64_t begin(int64_t index) const {
    const int64_t units = (n + grain - 1) / grain;
    return std::min(n, units * index / count * grain);
  }
};

// A 64-bit ticket names the job and the next range of it: generation | count | next. A range is
// taken by compare-and-swap, so a late thread can never touch a job that has ended.
constexpr int kFieldBits = 16;
constexpr uint64_t kFieldMask = (1u << kFieldBits) - 1;

uint64_t ticket_generation(uint64_t t) { return t >> (2 * kFieldBits); }
uint64_t ticket_count(uint64_t t) { return (t >> kFieldBits) & kFieldMask; }
uint64_t ticket_next(uint64_t t) { return t & kFieldMask; }

class Pool {
 public:
  Pool() { start(default_threads()); }

  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void set_threads(int count) {
    count = std::clamp(count, 1, kMostThreads);
    std::lock_guard<std::mutex> job(job_mutex_);
    if (count == threads() || ended_) return;
    stop();
    start(count);
  }

  // For the end of the process: later jobs run on their callers.
  void end() {
    std::lock_guard<std::mutex> job(job_mutex_);
    stop();
    ended_ = true;
  }

  // False when another caller has the pool: the ranges have not been touched.
  bool try_run(const Ranges& ranges, internal::RangeFn fn, void* context) {
    std::unique_lock<std::mutex> job(job_mutex_, std::try_to_lock);
    if (!job.owns_lock() || workers_.empty()) return false;
    ranges_ = ranges;
    fn_ = fn;
    context_ = context;
    failed_.store(false, std::memory_order_relaxed);
    failure_ = nullptr;
    remaining_.store(ranges.left(), std::memory_order_relaxed);
    publish(static_cast<uint64_t>(ranges.left()));
    inside_parallel_region = true;
    take_ranges();
    inside_parallel_region = false;
    wait_until_done();
    if (failure_) std::rethrow_exception(failure_);
    return true;
  }

 private:
  static int default_threads() {
    return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostThreads);
  }

  void start(int count) {
    stopping_.store(false);
    threads_.store(count);
    for (int i = 1; i < count; ++i) workers_.emplace_back([this] { work(); });
  }

  void stop() {
    {
      std::lock_guard<std::mutex> lock(sleep_mutex_);
      stopping_.store(true);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    threads_.store(1);
  }

  void publish(uint64_t count) {
    const uint64_t generation = ticket_generation(ticket_.load(std::memory_order_relaxed)) + 1;
    ticket_.store((generation << (2 * kFieldBits)) | (count << kFieldBits));
    if (sleepers_.load() > 0) {
      std::lock_guard<std::mutex> lock(sleep_mutex_);
      wake_.notify_all();
    }
  }

  static bool has_work(uint64_t ticket) { return ticket_next(ticket) < ticket_count(ticket); }

  // Takes ranges of the current job until none is left.
  void take_ranges() {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    while (has_work(ticket)) {
      if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
      const int64_t index = ranges_.first + static_cast<int64_t>(ticket_next(ticket));
      if (!failed_.load(std::memory_order_relaxed)) run_one(index);
      if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) signal_done();
      ticket = ticket_.load(std::memory_order_acquire);
    }
  }

  void run_one(int64_t index) {
    try {
      fn_(context_, ranges_.begin(index), ranges_.begin(index + 1));
    } catch (...) {
      std::lock_guard<std::mutex> lock(failure_mutex_);
      if (!failure_) failure_ = std::current_exception();
      failed_.store(true, std::memory_order_relaxed);
    }
  }

  void signal_done() {
    // The lock orders this with a caller that is about to sleep.
    std::lock_guard<std::mutex> lock(done_mutex_);
    done_.notify_one();
  }

  void wait_until_done() {
    for (int i = 0; i < kSpins; ++i) {
      if (remaining_.load(std::memory_order_acquire) == 0) return;
      pause_briefly();
    }
    std::unique_lock<std::mutex> lock(done_mutex_);
    done_.wait(lock, [this] { return remaining_.load(std::memory_order_acquire) == 0; });
  }

  void work() {
    inside_parallel_region = true;
    while (!stopping_.load()) {
      take_ranges();
      bool found = false;
      for (int i = 0; i < kSpins && !found; ++i) {
        found = has_work(ticket_.load(std::memory_order_acquire)) || stopping_.load();
        if (!found) pause_briefly();
      }
      if (found) continue;
      std::unique_lock<std::mutex> lock(sleep_mutex_);
      sleepers_.fetch_add(1);
      wake_.wait(lock, [this] { return stopping_.load() || has_work(ticket_.load()); });
      sleepers_.fetch_sub(1);
    }
  }

  std::mutex job_mutex_;  // held by the caller whose job runs
  std::atomic<int> threads_{1};
  std::vector<std::thread> workers_;
  bool ended_ = false;

  Ranges ranges_;
  internal::RangeFn fn_ = nullptr;
  void* context_ = nullptr;
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> remaining_{0};
  std::atomic<bool> failed_{false};
  std::mutex failure_mutex_;
  std::exception_ptr failure_;

  std::atomic<bool> stopping_{false};
  std::atomic<int> sleepers_{0};
  std::mutex sleep_mutex_;
  std::condition_variable wake_;
  std::mutex done_mutex_;
  std::condition_variable done_;
};

// Never destroyed: another thread may still be inside parallel_for while the process ends. Its
// threads are joined at exit.
Pool& pool() {
  static Pool* instance = [] {
    Pool* made = new Pool;
    std::atexit([] { pool().end(); });
    return made;
  }();
  return *instance;
}

}  // namespace

int thread_count() { return pool().threads(); }

void set_threads(int count) { pool().set_threads(count); }

void internal::run_ranges(int64_t n, int64_t grain, RangeFn fn, void* context) {
  if (n <= 0) return;
  Ranges ranges;
  ranges.n = n;
  ranges.grain = std::max<int64_t>(1, grain);
  const int64_t units = (n + ranges.grain - 1) / ranges.grain;
  const int64_t threads = inside_parallel_region || units == 1 ? 1 : thread_count();
  ranges.count = std::min({units, threads * kRangesPerThread, kMostRanges});
  // While another caller has the pool we go on alone; the rest is shared as soon as it is free.
  for (; ranges.left() > 0; ++ranges.first) {
    if (threads > 1 && ranges.left() > 1 && pool().try_run(ranges, fn, context)) return;
    fn(context, ranges.begin(ranges.first), ranges.begin(ranges.first + 1));
  }
}

}  // namespace qat
