// A bounded queue between worker threads and the thread that drains progress. Many producers, one
// consumer. Nothing is lost: push waits while full, unless cancelled.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/cancel.h"

namespace qat {

template <typename T>
class ProgressRing {
 public:
  explicit ProgressRing(size_t capacity) : capacity_(capacity ? capacity : 1) {}

  // False when full.
  bool try_push(T value) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    return true;
  }

  // Waits for room. False when `cancel` was set or the ring was closed first: the value is dropped.
  bool push(T value, const CancelToken* cancel = nullptr) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (items_.size() >= capacity_) {
      if (closed_ || is_cancelled(cancel)) return false;
      room_.wait_for(lock, std::chrono::milliseconds(20));  // the token has no wake-up of its own
    }
    if (closed_) return false;
    items_.push_back(std::move(value));
    return true;
  }

  // Takes all that is there (at most `limit`), oldest first.
  std::vector<T> drain(size_t limit = static_cast<size_t>(-1)) {
    std::vector<T> taken;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (!items_.empty() && taken.size() < limit) {
        taken.push_back(std::move(items_.front()));
        items_.pop_front();
      }
    }
    room_.notify_all();
    return taken;
  }

  // Later and waiting pushes return false; what is queued can still be drained.
  void close() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
    }
    room_.notify_all();
  }

  size_t size() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return items_.size();
  }
  size_t capacity() const { return capacity_; }

 private:
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace qat
