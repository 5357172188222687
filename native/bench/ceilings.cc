// What this machine's memory and arithmetic allow, on 1 thread and on all: one line of JSON. Built for the
// machine it runs on. The larger of bytes / bandwidth and operations / peak is the least time of a kernel.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

constexpr int64_t kFloats = int64_t{1} << 26;  // of each thread's arrays: 256 MiB, more than caches hold
constexpr int kTries = 7;

// Seconds of the quickest try; `work` runs on all threads at once.
double best_seconds(int threads, const std::function<void(int)>& work) {
  double best = 1e300;
  for (int t = 0; t < kTries; ++t) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
    work(0);
    for (std::thread& other : others) other.join();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void read_all(const float* x, int64_t n) {
  Vector sums[8] = {};
  for (int64_t i = 0; i < n; i += 8 * kLanes) {
    for (int k = 0; k < 8; ++k) sums[k] += *reinterpret_cast<const Vector*>(x + i + k * kLanes);
  }
  for (Vector& sum : sums) asm volatile("" : "+x"(sum));
}

void copy_all(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
#if defined(__AVX512F__)
    _mm512_stream_ps(y + i, _mm512_load_ps(x + i));
#elif defined(__AVX__)
    _mm256_stream_ps(y + i, _mm256_load_ps(x + i));
#else
    *reinterpret_cast<Vector*>(y + i) = *reinterpret_cast<const Vector*>(x + i);
#endif
  }
}

constexpr int64_t kRounds = 10'000'000;

// Twelve chains of multiply-adds hide the latency of each.
void multiply_add() {
  Vector sums[12] = {};
  Vector factor = Vector{} + 0.5f;
  for (int64_t i = 0; i < kRounds; ++i) {
#pragma GCC unroll 12
    for (Vector& sum : sums) {
      sum = sum * factor + factor;
      asm volatile("" : "+x"(sum));
    }
  }
}

// Products of bytes, summed four by four; operations a round, or 0 where there is no such instruction.
int64_t dot_products() {
#if defined(__AVX512VNNI__) && defined(__AVX512F__)
  __m512i sums[12] = {};
  const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  for (int64_t i = 0; i < kRounds; ++i) {
#pragma GCC unroll 12
    for (__m512i& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, b);
      asm volatile("" : "+v"(sum));
    }
  }
  return 12 * 64 * 2;
#elif defined(__AVX2__)
  __m256i sums[12] = {};
  const __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (int64_t i = 0; i < kRounds; ++i) {
#pragma GCC unroll 12
    for (__m256i& sum : sums) {
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, b));
      asm volatile("" : "+x"(sum));
    }
  }
  return 12 * 32 * 2;
#else
  return 0;
#endif
}

void print(int threads, bool last) {
  std::vector<float*> from, to;
  for (int i = 0; i < threads; ++i) {
    for (auto* arrays : {&from, &to}) {
      auto* array = static_cast<float*>(std::aligned_alloc(1 << 21, kFloats * sizeof(float)));
      std::fill(array, array + kFloats, 1.0f);
      arrays->push_back(array);
    }
  }
  const double bytes = static_cast<double>(kFloats) * sizeof(float) * threads;
  const double read = bytes / best_seconds(threads, [&](int i) { read_all(from[static_cast<size_t>(i)], kFloats); });
  const double copy = 2 * bytes / best_seconds(threads, [&](int i) {
    copy_all(from[static_cast<size_t>(i)], to[static_cast<size_t>(i)], kFloats);
  });
  const double all = static_cast<double>(kRounds) * threads;
  const double fma = all * 12 * kLanes * 2 / best_seconds(threads, [](int) { multiply_add(); });
  int64_t operations = 0;
  const double seconds = best_seconds(threads, [&](int i) {
    const int64_t done = dot_products();
    if (i == 0) operations = done;
  });
  std::printf("{\"threads\":%d,\"readGBs\":%.2f,\"copyGBs\":%.2f,\"floatGflops\":%.1f,\"byteGops\":%.1f}%s", threads,
              read * 1e-9, copy * 1e-9, fma * 1e-9, all * static_cast<double>(operations) / seconds * 1e-9,
              last ? "" : ",");
  for (auto* arrays : {&from, &to}) {
    for (float* array : *arrays) std::free(array);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int most = count > 1 ? std::max(1, std::atoi(arguments[1])) : 2;
  std::printf("[");
  print(1, most == 1);
  if (most > 1) print(most, true);
  std::printf("]\n");
  return 0;
}
