// Thread pool, cancellation, progress ring, random numbers and hashes.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "runtime/cancel.h"
#include "runtime/cpu_features.h"
#include "runtime/hash.h"
#include "runtime/progress_ring.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"
#include "test_harness.h"

namespace {

// Every index exactly once, boundaries on the grain.
bool covers(int64_t n, int64_t grain) {
  std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
  std::atomic<bool> aligned{true};
  qat::parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    if (begin % grain != 0 || (end != n && end % grain != 0)) aligned = false;
    for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
  });
  return aligned && std::all_of(seen.begin(), seen.end(), [](const auto& s) { return s == 1; });
}

struct ThreadCount {
  int before = qat::thread_count();
  explicit ThreadCount(int count) { qat::set_threads(count); }
  ~ThreadCount() { qat::set_threads(before); }
};

}  // namespace

TEST(parallel_for_visits_everything_once) {
  for (const int threads : {1, 2, 4, 7}) {
    const ThreadCount scope(threads);
    CHECK_EQ(qat::thread_count(), threads);
    for (const int64_t n : {1, 2, 63, 64, 1000, 100003}) {
      for (const int64_t grain : {1, 7, 64, 5000}) CHECK_IN(covers(n, grain), n << " by " << grain);
    }
  }
}

TEST(parallel_chunks_do_not_depend_on_threads) {
  const auto boundaries = [](int threads) {
    const ThreadCount scope(threads);
    std::vector<int64_t> ends(static_cast<size_t>(qat::chunk_count(1001, 10)));
    qat::parallel_chunks(1001, 10, [&](int64_t index, int64_t begin, int64_t end) {
      ends[static_cast<size_t>(index)] = begin * 10000 + end;
    });
    return ends;
  };
  CHECK(boundaries(1) == boundaries(4));
}

TEST(small_and_nested_work_stays_on_the_thread) {
  const ThreadCount scope(4);
  const std::thread::id self = std::this_thread::get_id();
  qat::parallel_for(8, 8, [&](int64_t, int64_t) { CHECK(std::this_thread::get_id() == self); });
  std::atomic<int> inner{0}, moved{0};
  qat::parallel_for(64, 1, [&](int64_t, int64_t) {
    const std::thread::id outer = std::this_thread::get_id();
    qat::parallel_for(16, 1, [&](int64_t begin, int64_t end) {
      inner += static_cast<int>(end - begin);
      if (std::this_thread::get_id() != outer) ++moved;
    });
  });
  CHECK_EQ(moved.load(), 0);
  CHECK(inner.load() > 0 && inner.load() % 16 == 0);
}

TEST(an_exception_reaches_the_caller_and_the_pool_goes_on) {
  const ThreadCount scope(3);
  for (int round = 0; round < 20; ++round) {
    bool caught = false;
    try {
      qat::parallel_for(100, 1, [](int64_t begin, int64_t) {
        if (begin >= 50) throw std::runtime_error("stop");
      });
    } catch (const std::runtime_error&) {
      caught = true;
    }
    CHECK(caught);
    CHECK(covers(100, 1));
  }
}

TEST(the_pool_stands_several_callers_and_resizing) {
  const ThreadCount scope(3);
  std::atomic<int64_t> total{0};
  const auto caller = [&] {
    for (int round = 0; round < 400; ++round) {
      std::vector<int64_t> values(257, 1);
      qat::parallel_for(257, 3, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] += i;
      });
      total += std::accumulate(values.begin(), values.end(), int64_t{0});
    }
  };
  std::thread first(caller), second(caller);
  for (const int count : {2, 5, 1, 4, 3}) qat::set_threads(count);
  first.join();
  second.join();
  CHECK_EQ(total.load(), int64_t{800} * (257 + 256 * 257 / 2));
}

TEST(cancellation_throws_its_code) {
  qat::CancelToken token;
  qat::throw_if_cancelled(&token);
  qat::throw_if_cancelled(nullptr);
  token.cancel();
  CHECK(qat::is_cancelled(&token));
  CHECK_THROWS(qat::throw_if_cancelled(&token), "E-CANCELLED");
}

TEST(the_progress_ring_loses_nothing_and_is_bounded) {
  qat::ProgressRing<int> ring(8);
  std::thread producers[2];
  for (int p = 0; p < 2; ++p) {
    producers[p] = std::thread([&ring, p] {
      for (int i = 0; i < 500; ++i) ring.push(p * 1000 + i);
    });
  }
  std::vector<int> last = {-1, -1};
  int received = 0;
  while (received < 1000) {
    CHECK(ring.size() <= ring.capacity());
    for (const int value : ring.drain(5)) {
      int& previous = last[static_cast<size_t>(value / 1000)];
      CHECK_EQ(value % 1000, previous + 1);
      previous = value % 1000;
      ++received;
    }
  }
  for (std::thread& producer : producers) producer.join();
  CHECK_EQ(ring.drain().size(), size_t{0});
}

TEST(a_full_ring_gives_way_to_cancel_and_close) {
  qat::ProgressRing<int> ring(1);
  CHECK(ring.try_push(1));
  CHECK(!ring.try_push(2));
  qat::CancelToken token;
  token.cancel();
  CHECK(!ring.push(3, &token));
  std::thread waiting([&ring] { CHECK(!ring.push(4)); });
  ring.close();
  waiting.join();
  CHECK_EQ(ring.drain().size(), size_t{1});
}

TEST(random_numbers_are_fixed_by_the_seed) {
  uint64_t state = 1234567;
  CHECK_EQ(qat::splitmix64(state), uint64_t{6457827717110365317u});  // published first output
  CHECK_EQ(qat::splitmix64(state), uint64_t{3203168211198807973u});
  // xoshiro256** from the state {1, 2, 3, 4}: its first outputs.
  qat::Rng known(qat::Rng::State{1, 2, 3, 4});
  for (const uint64_t expected : {uint64_t{11520}, uint64_t{0}, uint64_t{1509978240},
                                  uint64_t{1215971899390074240}}) {
    CHECK_EQ(known.next(), expected);
  }
  qat::Rng a(7), b(7);
  for (int i = 0; i < 1000; ++i) CHECK_EQ(a.next(), b.next());
  qat::Rng resumed(a.state());
  CHECK_EQ(resumed.next(), a.next());
}

TEST(random_numbers_are_spread_as_promised) {
  qat::Rng rng(42);
  const int n = 200000;
  double sum = 0, square = 0, mean = 0;
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform(), z = rng.normal();
    CHECK(u >= 0 && u < 1);
    mean += u / n;
    sum += z / n;
    square += z * z / n;
  }
  CHECK_NEAR(mean, 0.5, 0.005);
  CHECK_NEAR(sum, 0.0, 0.01);
  CHECK_NEAR(square, 1.0, 0.02);
  std::vector<int> hits(7, 0);
  for (int i = 0; i < 70000; ++i) ++hits[rng.below(7)];
  for (const int h : hits) CHECK_NEAR(h, 10000, 400);
  std::vector<uint32_t> order(100);
  std::iota(order.begin(), order.end(), 0u);
  rng.shuffle(order);
  CHECK(!std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (uint32_t i = 0; i < 100; ++i) CHECK_EQ(order[i], i);
}

TEST(xxh64_equals_published_values) {
  CHECK_EQ(qat::hash_hex(qat::xxh64("", 0)), std::string("ef46db3751d8e999"));
  CHECK_EQ(qat::hash_hex(qat::xxh64("a", 1)), std::string("d24ec4f1a98c6e5b"));
  CHECK_EQ(qat::hash_hex(qat::xxh64("abc", 3)), std::string("44bc2cf5ad770999"));
  const char* text = "Nobody inspects the spammish repetition";
  CHECK_EQ(qat::hash_hex(qat::xxh64(text, std::strlen(text))), std::string("fbcea83c8a378bf1"));
}

TEST(isas_are_listed_lowest_first) {
  const std::vector<std::string> names = qat::available_isas();
  CHECK(!names.empty() && names[0] == "ref");
  CHECK_EQ(names.size() > 1, qat::cpu_features().avx2);
}
