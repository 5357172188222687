// Cooperative cancellation: one flag, polled per tile and per step.
#pragma once

#include <atomic>

#include "qat/error.h"

namespace qat {

class CancelToken {
 public:
  void cancel() { flag_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> flag_{false};
};

inline bool is_cancelled(const CancelToken* token) { return token && token->cancelled(); }

// Throws Error("E-CANCELLED"). A null token is never cancelled.
inline void throw_if_cancelled(const CancelToken* token) {
  if (is_cancelled(token)) {
    throw Error("E-CANCELLED", "The operation was cancelled.", "Start it again when you need it.");
  }
}

}  // namespace qat
