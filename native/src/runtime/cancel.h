// Cooperative cancellation: one flag, polled per tile and per step; and how far the job has come.
#pragma once

#include <atomic>

#include "qat/error.h"

namespace qat {

class CancelToken {
 public:
  void cancel() { flag_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_.load(std::memory_order_relaxed); }
  // 0 ... 1; stays 0 for jobs that report nothing. Set by the job, which may not cancel itself; its
  // threads may report in any order, the furthest counts.
  double progress() const { return progress_.load(std::memory_order_relaxed); }
  void set_progress(double share) const {
    double now = progress();
    while (now < share &&
           !progress_.compare_exchange_weak(now, share, std::memory_order_relaxed)) {
    }
  }

 private:
  std::atomic<bool> flag_{false};
  mutable std::atomic<double> progress_{0};
};

inline bool is_cancelled(const CancelToken* token) { return token && token->cancelled(); }

// Throws Error("E-CANCELLED"). A null token is never cancelled.
inline void throw_if_cancelled(const CancelToken* token) {
  if (is_cancelled(token)) {
    throw Error("E-CANCELLED", "The operation was cancelled.", "Start it again when you need it.");
  }
}

inline void report_progress(const CancelToken* token, double share) {
  if (token) token->set_progress(share);
}

}  // namespace qat
