// Training and packed products of ternary weights whose sides have levels of their own.
#include <cmath>

#include "kernel_test_util.h"
#include "quant/fake_quant.h"
#include "quant/range.h"
#include "quant/ternary.h"
#include "runtime/thread_pool.h"

using namespace qat_test;  // NOLINT
using qat::Granularity;
using qat::Scales;

namespace {

constexpr int64_t kRows = 37, kCols = 83;

qat::QuantizerConfig ternary_config(Granularity granularity) {
  qat::QuantizerConfig config;
  config.bits = 2;
  config.grid = qat::Grid::kTernary;
  config.granularity = granularity;
  config.group_size = 16;
  config.range = qat::RangeEstimator::kTtq;
  return config;
}

struct Case {
  qat::QuantizerConfig config;
  qat::ScaleLayout layout;
  std::vector<float> x, dy;
  Scales scales;

  explicit Case(Granularity granularity)
      : config(ternary_config(granularity)), layout(qat::scale_layout(config, kRows, kCols)),
        x(kRows * kCols), dy(kRows * kCols) {
    fill_normal(x, kRows * kCols, 1);
    fill_normal(dy, kRows * kCols, 2);
    scales = qat::estimate_scales(x.data(), kRows, kCols, config);
    for (float& threshold : scales.thresholds) threshold *= 6;  // some zeros
  }
  qat::QuantParams params(const Scales& s) const { return qat::quant_params(config, layout, s); }

  // Σ dy·x̂, whose derivative in x̂ is dy.
  double loss(const Scales& s) const {
    std::vector<float> y(x.size());
    qat::fake_quantize(x.data(), y.data(), kRows, kCols, params(s), false);
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += static_cast<double>(dy[i]) * y[i];
    return sum;
  }
};

}  // namespace

TEST(ternary_gradients_are_those_of_finite_differences) {
  for (const Granularity granularity :
       {Granularity::kTensor, Granularity::kChannel, Granularity::kGroup}) {
    const Case c(granularity);
    const size_t count = c.scales.scales.size();
    std::vector<double> dscale(count, 9), dnegative(count, 9);
    std::vector<float> dx(c.x.size());
    qat::ternary_backward(c.x.data(), c.dy.data(), dx.data(), dscale.data(), dnegative.data(),
                          static_cast<int64_t>(count), kRows, kCols, c.params(c.scales));
    for (size_t i = 0; i < count; i += 5) {
      Scales up = c.scales, down = c.scales;
      up.scales[i] += 0.125f;
      down.scales[i] -= 0.125f;
      const double by_plus = (c.loss(up) - c.loss(down)) / 0.25;
      CHECK_NEAR(dscale[i], by_plus, 1e-4 * (1 + std::fabs(by_plus)));
      up = down = c.scales;
      up.negative_scales[i] += 0.125f;
      down.negative_scales[i] -= 0.125f;
      const double by_minus = (c.loss(up) - c.loss(down)) / 0.25;
      CHECK_NEAR(dnegative[i], by_minus, 1e-4 * (1 + std::fabs(by_minus)));
    }
    // dx is dy times the level's magnitude, 1 for zero: told from x̂ itself.
    std::vector<float> y(c.x.size());
    qat::fake_quantize(c.x.data(), y.data(), kRows, kCols, c.params(c.scales), false);
    for (size_t i = 0; i < y.size(); ++i) {
      CHECK_EQ(dx[i], c.dy[i] * (y[i] == 0 ? 1.0f : std::fabs(y[i])));
    }
  }
}

TEST(ternary_gradients_do_not_depend_on_the_thread_count) {
  const int threads = qat::thread_count();
  qat::QuantizerConfig config = ternary_config(Granularity::kTensor);
  std::vector<float> x(900 * 200), dx(x.size());
  fill_normal(x, 900 * 200, 3);
  const Scales s = qat::estimate_scales(x.data(), 900, 200, config);
  const auto p = qat::quant_params(config, qat::scale_layout(config, 900, 200), s);
  double plus[2], minus[2];
  for (const int i : {0, 1}) {
    qat::set_threads(1 + 2 * i);
    qat::ternary_backward(x.data(), x.data(), dx.data(), &plus[i], &minus[i], 1, 900, 200, p);
  }
  qat::set_threads(threads);
  CHECK(plus[0] == plus[1] && minus[0] == minus[1]);
}
