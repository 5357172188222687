// Measures the kernels and the analysis on this machine; prints one line per item. Not a test:
// times depend on the machine and its load. Build with -DQAT_BUILD_BENCH=ON. Arguments: the thread
// counts; `cpu` first takes processor time (of all threads together) instead of the wall clock's.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <vector>

#include "quant/analysis.h"
#include "quant/fake_quant.h"
#include "quant/packing.h"
#include "quant/range.h"
#include "runtime/aligned.h"
#include "runtime/gemm_parallel.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace {

using qat::AlignedVector;

bool use_processor_time = false;  // on a busy machine, with one thread

double now_ms() {
  if (use_processor_time) return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

double best_ms(int repeats, const std::function<void()>& work) {
  double best = 1e300;
  for (int i = 0; i < repeats; ++i) {
    const double start = now_ms();
    work();
    best = std::min(best, now_ms() - start);
  }
  return best;
}

AlignedVector<float> normal_values(int64_t n, uint64_t seed) {
  AlignedVector<float> values(static_cast<size_t>(n));
  qat::Rng rng(seed);
  for (float& v : values) v = static_cast<float>(0.05 * rng.normal());
  return values;
}

void measure_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k) {
  const AlignedVector<float> a = normal_values(m * k, 1), b = normal_values(n * k, 2);
  AlignedVector<float> c(static_cast<size_t>(m * n));
  const double ms = best_ms(use_processor_time ? 1 : 200, [&] {
    qat::gemm_parallel(ta, tb, m, n, k, a.data(), ta ? m : k, b.data(), tb ? k : n, c.data(), n,
                       false);
  });
  const double flops = 2.0 * static_cast<double>(m * n * k);
  std::printf("gemm %c%c %4lld x %4lld x %4lld: %8.3f ms %7.1f GFLOP/s\n", ta ? 'T' : 'N',
              tb ? 'T' : 'N', static_cast<long long>(m), static_cast<long long>(n),
              static_cast<long long>(k), ms, flops / ms * 1e-6);
}

qat::QuantizerConfig config_of(qat::Granularity granularity, qat::RangeEstimator range) {
  qat::QuantizerConfig config;
  config.bits = 4;
  config.granularity = granularity;
  config.group_size = 128;
  config.range = range;
  return config;
}

void measure_matrix(int64_t rows, int64_t cols) {
  const AlignedVector<float> x = normal_values(rows * cols, 3), dy = normal_values(rows * cols, 4);
  AlignedVector<float> y(x.size());
  const double gigabytes = static_cast<double>(x.size()) * 4e-9;
  for (const auto granularity : {qat::Granularity::kTensor, qat::Granularity::kChannel}) {
    const qat::QuantizerConfig config = config_of(granularity, qat::RangeEstimator::kAbsMax);
    const qat::ScaleLayout layout = qat::scale_layout(config, rows, cols);
    const qat::Scales scales = qat::estimate_scales(x.data(), rows, cols, config);
    const qat::QuantParams params = qat::quant_params(config, layout, scales);
    const char* name = granularity == qat::Granularity::kTensor ? "tensor" : "channel";
    double ms = best_ms(10, [&] {
      qat::fake_quantize(x.data(), y.data(), rows, cols, params, false);
    });
    std::printf("fake quant %s: %.2f ms %.1f GB/s\n", name, ms, 2 * gigabytes / ms * 1e3);
    std::vector<double> dscale(static_cast<size_t>(layout.count()));
    ms = best_ms(10, [&] {
      qat::fake_quantize_backward(x.data(), dy.data(), y.data(), dscale.data(), layout.count(),
                                  rows, cols, params);
    });
    std::printf("fake quant backward %s: %.2f ms %.1f GB/s\n", name, ms, 3 * gigabytes / ms * 1e3);
    ms = best_ms(5, [&] { qat::quantize_weight(x.data(), rows, cols, config, scales); });
    std::printf("quantize and pack %s: %.2f ms\n", name, ms);
    ms = best_ms(5, [&] {
      qat::quantization_error(x.data(), rows, cols, config, scales);
    });
    std::printf("error measures %s: %.2f ms\n", name, ms);
  }
  const auto stats_ms = best_ms(5, [&] {
    qat::compute_statistics(x.data(), rows * cols, {}, nullptr);
  });
  const auto percentile_ms = best_ms(5, [&] {
    qat::compute_statistics(x.data(), rows * cols, qat::default_percentiles(), nullptr);
  });
  const auto histogram_ms = best_ms(5, [&] {
    qat::compute_histogram(x.data(), rows * cols, {-0.3, 0.3}, 2048);
  });
  std::printf("moments %.2f ms, with percentiles %.2f ms, histogram %.2f ms\n", stats_ms,
              percentile_ms, histogram_ms);
}

void measure_analysis(int64_t rows, int64_t cols) {
  const AlignedVector<float> x = normal_values(rows * cols, 3);
  struct Case {
    const char* name;
    qat::Granularity granularity;
    qat::RangeEstimator range;
  };
  for (const Case& c :
       {Case{"channel abs-max", qat::Granularity::kChannel, qat::RangeEstimator::kAbsMax},
        Case{"channel mse", qat::Granularity::kChannel, qat::RangeEstimator::kMse},
        Case{"tensor mse", qat::Granularity::kTensor, qat::RangeEstimator::kMse},
        Case{"group 128 mse", qat::Granularity::kGroup, qat::RangeEstimator::kMse}}) {
    qat::AnalyzeOptions options;
    options.config = config_of(c.granularity, c.range);
    const double estimate = best_ms(3, [&] {
      qat::estimate_scales(x.data(), rows, cols, options.config);
    });
    const double all = best_ms(3, [&] { qat::analyze(x.data(), rows, cols, options); });
    const double some = best_ms(5, [&] { qat::what_if(x.data(), rows, cols, options); });
    std::printf("%-16s estimate %7.2f ms, analyze %7.2f ms, what-if %7.2f ms\n", c.name, estimate,
                all, some);
  }
}

}  // namespace

int main(int argc, char** argv) {
  use_processor_time = argc > 1 && std::strcmp(argv[1], "cpu") == 0;
  std::printf("isa %s, %s time\n", qat::kernels().isa, use_processor_time ? "processor" : "wall");
  for (int i = use_processor_time ? 2 : 1; i < argc; ++i) {
    const int threads = std::atoi(argv[i]);
    qat::set_threads(threads);
    std::printf("--- %d thread(s)\n", threads);
    measure_gemm(false, true, 128, 256, 784);
    measure_gemm(false, false, 128, 784, 256);
    measure_gemm(true, false, 256, 784, 128);
    measure_gemm(false, true, 128, 256, 256);
    measure_gemm(true, false, 256, 256, 128);
    measure_gemm(false, true, 128, 10, 256);
    measure_gemm(false, true, 128, 512, 784);
    measure_gemm(false, true, 512, 1024, 1024);
    measure_matrix(4096, 4096);
    measure_analysis(4096, 4096);
  }
  return 0;
}
