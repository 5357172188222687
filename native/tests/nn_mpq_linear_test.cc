// The MPQ linear layer against an oracle in double, finite differences and hand counts.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "nn_mpq_test_util.h"
#include "runtime/thread_pool.h"
#include "test_harness.h"

using namespace mpq_test;
using nn_test::random_values;

namespace {

std::vector<float> forward(MpqLinear& layer, const std::vector<float>& x) {
  const int64_t batch = static_cast<int64_t>(x.size()) / layer.in_channels();
  std::vector<float> y(static_cast<size_t>(batch * layer.out_channels()));
  layer.forward(x.data(), batch, y.data());
  return y;
}

void fill(MpqLinear& layer, uint64_t seed, double spread = 0.1) {
  const auto weight = random_values(layer.in_channels() * layer.out_channels(), seed, spread);
  const auto bias = random_values(layer.out_channels(), seed + 1);
  layer.set_weight_data(weight.data(), weight.size());
  layer.set_bias_data(bias.data(), bias.size());
}

// Inputs in a shuffled order of groups.
std::vector<int32_t> act_order(int64_t in, int64_t group) {
  std::vector<uint32_t> order(static_cast<size_t>(in));
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(17);
  rng.shuffle(order);
  std::vector<int32_t> g_idx(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    g_idx[order[i]] = static_cast<int32_t>(static_cast<int64_t>(i) / group);
  }
  return g_idx;
}

std::vector<MpqOptions> all_formats() {
  std::vector<MpqOptions> all;
  for (int bits = 1; bits <= 8; ++bits) {
    for (const bool symmetric : {false, true}) {
      MpqOptions plain = options(37, 70, bits, 16, symmetric);
      all.push_back(plain);
      plain.format.zero_format = ZeroFormat::kGptqV2;
      plain.g_idx = act_order(37, 16);
      all.push_back(plain);
      plain.format.double_group_size = 32;
      plain.linear.range = RangeEstimator::kMse;
      all.push_back(plain);
    }
  }
  return all;
}

std::vector<double> dequantized(MpqLinear& layer) { return dequantize(layer.quantized_weight()); }

}  // namespace

// An output far smaller than its neighbours would take a scale many times its own, and its weights be lost.
TEST(mpq_linear_refuses_double_quantization_that_destroys_an_output) {
  for (const bool symmetric : {false, true}) {
    MpqOptions o = options(32, 64, 4, 16, symmetric);
    o.format.double_group_size = 32;
    MpqLinear layer(o);
    auto weight = random_values(32 * 64, 3, 0.1);
    for (int64_t c = 0; c < 32; ++c) {
      weight[static_cast<size_t>(c)] *= 1e-4f;       // the lowest of the block: kept
      weight[static_cast<size_t>(32 + c)] *= 1e-3f;  // above it, below half a step
    }
    layer.set_weight_data(weight.data(), weight.size());
    CHECK_THROWS(layer.prepare_params(), "E-QUANTIZER-INVALID");
    CHECK(layer.state() == qat::LayerState::kWeight);
    for (int64_t c = 0; c < 32; ++c) weight[static_cast<size_t>(32 + c)] *= 1e3f;
    layer.set_weight_data(weight.data(), weight.size());
    layer.prepare_params();
  }
}

// Training, packed inference and the checkpoint tensors are one weight.
TEST(mpq_linear_computes_with_the_weight_it_packs) {
  for (const MpqOptions& o : all_formats()) {
    MpqLinear layer(o);
    fill(layer, 3);
    layer.prepare_params();
    const auto x = random_values(40 * 37, 5);
    const auto trained = forward(layer, x);
    layer.eval();
    const auto packed = forward(layer, x);
    const auto weight = dequantized(layer);
    const auto expected = multiply(x, weight, 40, 37, 70, layer.bias());
    CHECK_IN(largest_difference(packed, expected) < 2e-6, o.format.bits);
    CHECK_IN(largest_difference(trained, expected) < 1e-5, o.format.bits);
    CHECK_IN(largest_difference(layer.dequantized_weight(), weight) < 1e-7, o.format.bits);
  }
}

// Codes are the nearest: no other code of the group is nearer to the float weight.
TEST(mpq_linear_takes_the_nearest_code) {
  for (const bool symmetric : {false, true}) {
    for (const int bits : {1, 2, 3, 4}) {
      MpqLinear layer(options(24, 6, bits, 8, symmetric));
      fill(layer, 9);
      layer.prepare_params();
      const GroupScales scales = layer.scales();
      const auto quantized = layer.dequantized_weight();
      for (int64_t n = 0; n < 6; ++n) {
        for (int64_t k = 0; k < 24; ++k) {
          const auto at = static_cast<size_t>(k / 8 * 6 + n), i = static_cast<size_t>(n * 24 + k);
          double nearest = INFINITY;
          for (int q = 0; q < 1 << bits; ++q) {
            const double s = scales.scales[at], z = scales.zeros[at];
            const double value = symmetric ? q * s - z : s * (q - z);
            nearest = std::fmin(nearest, std::fabs(value - layer.weight()[i]));
          }
          CHECK_NEAR(std::fabs(quantized[i] - layer.weight()[i]), nearest, 1e-6);
        }
      }
    }
  }
}

TEST(mpq_linear_ranges) {
  // The whole range: least and greatest weight of a group are kept (float zeros).
  MpqLinear layer(options(16, 4, 3, 8, true));
  fill(layer, 21);
  layer.prepare_params();
  const auto quantized = layer.dequantized_weight();
  for (int64_t first = 0; first < 64; first += 8) {
    const float* w = layer.weight() + first;
    const auto low = std::min_element(w, w + 8) - w, high = std::max_element(w, w + 8) - w;
    CHECK_NEAR(quantized[static_cast<size_t>(first + low)], w[low], 1e-7);
    CHECK_NEAR(quantized[static_cast<size_t>(first + high)], w[high], 1e-7);
  }
  // The search is never worse, and better where it can be.
  for (const bool symmetric : {false, true}) {
    for (const int bits : {2, 3, 4}) {
      double errors[2];
      for (const auto range : {RangeEstimator::kAbsMax, RangeEstimator::kMse}) {
        MpqOptions o = options(128, 8, bits, 64, symmetric);
        o.linear.range = range;
        MpqLinear searched(o);
        fill(searched, 22);
        searched.prepare_params();
        const auto y = searched.dequantized_weight();
        double& error = errors[range == RangeEstimator::kMse];
        error = 0;
        for (size_t i = 0; i < y.size(); ++i) error += std::pow(y[i] - searched.weight()[i], 2.0);
      }
      CHECK_IN(errors[1] < 0.95 * errors[0], bits << ' ' << errors[0] << ' ' << errors[1]);
    }
  }
  // One bit is sign(w)·mean|w| with sign(0) = +1.
  MpqLinear binary(options(4, 1, 1, 4, true));
  const float w[] = {-0.25f, 0.0f, 0.5f, -0.25f};
  binary.set_weight_data(w, 4);
  binary.prepare_params();
  const auto signs = binary.dequantized_weight();
  const float expected[] = {-0.25f, 0.25f, 0.25f, -0.25f};
  for (size_t i = 0; i < 4; ++i) CHECK_EQ(signs[i], expected[i]);
}

TEST(mpq_linear_gradients) {
  for (const bool symmetric : {false, true}) {
    MpqOptions o = options(20, 7, 3, 8, symmetric);
    o.linear.method = Method::kLsq;
    MpqLinear layer(o);
    fill(layer, 41);
    layer.prepare_params();
    GroupScales scales = layer.scales();
    for (float& s : scales.scales) s *= 0.6f;  // so that some weights clip
    if (symmetric) for (float& z : scales.zeros) z *= 0.6f;
    layer.set_scales(scales);
    const auto x = random_values(5 * 20, 42), dy = random_values(5 * 7, 43);
    forward(layer, x);
    std::vector<float> dx(x.size());
    const WeightOnlyGradients g = layer.backward(dy.data(), dx.data());
    const auto quantized = layer.dequantized_weight();
    // ∂L/∂ŵ, and L as a function of scales and zeros with rounding errors held (straight-through).
    std::vector<double> dw(20 * 7);
    for (int64_t n = 0; n < 7; ++n) {
      for (int64_t k = 0; k < 20; ++k) {
        for (int64_t m = 0; m < 5; ++m) {
          dw[static_cast<size_t>(n * 20 + k)] += double{dy[static_cast<size_t>(m * 7 + n)]} *
                                                 x[static_cast<size_t>(m * 20 + k)];
        }
      }
    }
    const auto value = [&](double w, double s0, double z0, double s, double z, bool* inside) {
      const double position = symmetric ? (w + z0) / s0 : w / s0 + z0;
      const double rounded = std::nearbyint(position);
      *inside = rounded >= 0 && rounded <= 7;
      const double code = *inside ? (symmetric ? (w + z) / s : w / s + z) + (rounded - position)
                                  : std::fmin(std::fmax(rounded, 0), 7);
      return symmetric ? code * s - z : s * (code - z);
    };
    int clipped = 0;
    const auto loss = [&](int64_t group, int64_t n, double ds, double dz) {
      double sum = 0;
      const auto at = static_cast<size_t>(group * 7 + n);
      for (int64_t k = 8 * group; k < std::min<int64_t>(20, 8 * group + 8); ++k) {
        const auto i = static_cast<size_t>(n * 20 + k);
        const double s = scales.scales[at], z = scales.zeros[at];
        bool inside = false;
        sum += dw[i] * value(layer.weight()[i], s, z, s + ds, z + dz, &inside);
        clipped += !inside;
        CHECK_NEAR(g.dweight[i], inside ? dw[i] : 0.0, 1e-5);
      }
      return sum;
    };
    const double h = 1e-6;
    for (int64_t i = 0; i < g.scale_count; ++i) {
      const int64_t group = i / 7, n = i % 7;
      const double factor = 1 / std::sqrt((group == 2 ? 4.0 : 8.0) * 7);
      const double dscale = (loss(group, n, h, 0) - loss(group, n, -h, 0)) / (2 * h);
      const double dzero = (loss(group, n, 0, h) - loss(group, n, 0, -h)) / (2 * h);
      CHECK_NEAR(g.dscales[i], factor * dscale, 2e-5);
      CHECK_NEAR(g.dzeros[i], factor * dzero, 2e-5);
    }
    CHECK(clipped > 0);
    for (int64_t n = 0; n < 7; ++n) {
      double sum = 0;
      for (int64_t m = 0; m < 5; ++m) sum += dy[static_cast<size_t>(m * 7 + n)];
      CHECK_NEAR(g.dbias[n], sum, 1e-5);
    }
    for (int64_t m = 0; m < 5; ++m) {
      for (int64_t k = 0; k < 20; ++k) {
        double sum = 0;
        for (int64_t n = 0; n < 7; ++n) {
          sum += double{dy[static_cast<size_t>(m * 7 + n)]} *
                 quantized[static_cast<size_t>(n * 20 + k)];
        }
        CHECK_NEAR(dx[static_cast<size_t>(m * 20 + k)], sum, 1e-5);
      }
    }
  }
}

// Finite differences of the layer's own forward where it is smooth: inputs, bias and, with every
// weight clipped, scales and float zeros.
TEST(mpq_linear_finite_differences) {
  MpqOptions o = options(6, 3, 2, 3, true);
  o.linear.method = Method::kLsq;
  MpqLinear layer(o);
  std::vector<float> weight(18);
  for (size_t i = 0; i < 18; ++i) weight[i] = i % 2 ? 9.0f : -9.0f;
  layer.set_weight_data(weight.data(), 18);
  GroupScales scales;
  for (int i = 0; i < 6; ++i) {
    scales.scales.push_back(0.25f + 0.125f * static_cast<float>(i));
    scales.zeros.push_back(0.5f - 0.125f * static_cast<float>(i));
  }
  layer.set_scales(scales);
  auto x = random_values(4 * 6, 51), dy = random_values(4 * 3, 52);
  auto bias = random_values(3, 53);
  layer.set_bias_data(bias.data(), 3);
  const auto loss = [&] {
    const auto y = forward(layer, x);
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += double{y[i]} * dy[i];
    return sum;
  };
  loss();
  std::vector<float> dx(x.size());
  const WeightOnlyGradients g = layer.backward(dy.data(), dx.data());
  const std::vector<float> dscales(g.dscales, g.dscales + 6), dzeros(g.dzeros, g.dzeros + 6);
  const std::vector<float> dbias(g.dbias, g.dbias + 3);
  const float h = 0.0625f;
  const auto slope = [&](float* at, auto&& apply) {
    const float before = *at;
    *at = before + h;
    apply();
    const double up = loss();
    *at = before - h;
    apply();
    const double down = loss();
    *at = before;
    apply();
    return (up - down) / (2 * h);
  };
  const auto nothing = [] {};
  const auto set_scales = [&] { layer.set_scales(scales); };
  for (size_t i = 0; i < x.size(); ++i) CHECK_NEAR(dx[i], slope(&x[i], nothing), 2e-4);
  for (size_t i = 0; i < 3; ++i) {
    CHECK_NEAR(dbias[i], slope(&bias[i], [&] { layer.set_bias_data(bias.data(), 3); }), 2e-4);
  }
  const double factor = 1 / std::sqrt(3.0 * 3);
  for (size_t i = 0; i < 6; ++i) {
    CHECK_NEAR(dscales[i], factor * slope(&scales.scales[i], set_scales), 2e-4);
    CHECK_NEAR(dzeros[i], factor * slope(&scales.zeros[i], set_scales), 2e-4);
  }
}

// Re-deriving the weight from rounded codes at each step would lose every one of these updates.
TEST(mpq_linear_residual_moves_a_code_after_exactly_its_steps) {
  MpqLinear layer(options(2, 1, 4, 2, true));
  const float weight[] = {0.5f, 0.5f};
  layer.set_weight_data(weight, 2);
  layer.set_scales({{0.125f}, {1.0f}});  // 0.5 is the centre of code 12; the border is 0.0625 above
  layer.generate_quantized_weight(true);
  layer.train();
  CHECK(layer.state() == LayerState::kQuantized);
  const float step = 1.0f / 4096;
  const float update[] = {step, 0.0f};
  for (int i = 1; i <= 257; ++i) {
    WeightOnlyUpdate u;
    u.weight = update;
    layer.add_update(u);
    const int32_t word = layer.quantized_weight().qweight[0];
    CHECK_IN((word & 15) == (i <= 256 ? 12 : 13), "step " << i << ", code " << (word & 15));
    CHECK_EQ(word >> 4 & 15, 12);
    if (i <= 256) CHECK_EQ(layer.residual()[0], static_cast<float>(i) * step);
  }
  CHECK_EQ(layer.residual()[0], 257 * step - 0.125f);
}

// Truncated or unscaled updates of integer zero points would move a zero at once, or never.
TEST(mpq_linear_zero_points_learn_as_floats_and_are_rounded_in_use) {
  MpqLinear layer(options(4, 1, 2, 4, false));  // gptq holds 1 to 4
  const float weight[] = {-1, 0, 1, 2};
  layer.set_weight_data(weight, 4);
  layer.set_scales({{1.0f}, {2.0f}});
  const float step = 0.3f, fall = -9.0f;
  WeightOnlyUpdate update;
  update.zeros = &step;
  const float expected[] = {2, 3, 3, 3, 3, 4, 4, 4, 4, 4};  // 2.3, 2.6 … 4.7, 5.0, at most 4
  for (const float zero : expected) {
    layer.add_update(update);
    CHECK_EQ(layer.scales().zeros[0], zero);
    CHECK_EQ(layer.dequantized_weight()[0], -1.0f);
    CHECK_EQ(layer.quantized_weight().qzeros[0] & 3, static_cast<int32_t>(zero) - 1);
  }
  update.zeros = &fall;
  layer.add_update(update);
  CHECK_EQ(layer.scales().zeros[0], 1.0f);
}

TEST(mpq_linear_checkpoints_come_back_bit_for_bit) {
  for (const MpqOptions& o : all_formats()) {
    MpqLinear source(o);
    fill(source, 61);
    source.prepare_params();
    const MpqWeight saved = source.quantized_weight();
    MpqOptions plain = o;
    plain.g_idx.clear();
    MpqLinear target(plain);
    target.set_bias_data(source.bias(), 70);
    target.set_quantized_weight_data(saved);
    CHECK(target.state() == LayerState::kPackedOnly && !target.training());
    for (int round = 0; round < 3; ++round) {
      const MpqWeight again = target.quantized_weight();
      CHECK(again.qweight == saved.qweight && again.g_idx == saved.g_idx);
      CHECK(again.scales == saved.scales && again.zeros == saved.zeros);
      CHECK(again.qzeros == saved.qzeros);
      CHECK(again.double_scales.codes == saved.double_scales.codes);
      CHECK(again.double_scales.scales == saved.double_scales.scales);
      CHECK(again.double_zeros.codes == saved.double_zeros.codes);
      CHECK(again.double_zeros.zeros == saved.double_zeros.zeros);
      target.prepare_params();  // idempotent, also after train()
      if (round == 1) target.train();
    }
    // Codes derived from the restored float weight are the same, too.
    WeightOnlyUpdate nothing;
    const std::vector<float> zeros(37 * 70);
    nothing.weight = zeros.data();
    target.add_update(nothing);
    CHECK(target.state() == LayerState::kPrepared);
    CHECK_IN(target.quantized_weight().qweight == saved.qweight, o.format.bits);
    const auto x = random_values(3 * 37, 62);
    source.eval(), target.eval();
    CHECK(forward(source, x) == forward(target, x));
  }
}

// A fine-tuning: the loss falls although single updates are far below half a step.
TEST(mpq_linear_fine_tunes_a_checkpoint) {
  MpqOptions o = options(16, 4, 2, 8, true);
  o.linear.method = Method::kLsq;
  MpqLinear source(o), layer(o);
  fill(source, 71, 0.3);
  source.prepare_params();
  layer.set_quantized_weight_data(source.quantized_weight());
  layer.train();
  const auto x = random_values(64 * 16, 72);
  const auto target = multiply(x, [] {
    std::vector<double> w;
    for (const float v : random_values(64, 73, 0.3)) w.push_back(v);
    return w;
  }(), 64, 16, 4, nullptr);
  double first = 0, last = 0, largest_step = 0;
  for (int step = 0; step < 400; ++step) {
    const auto y = forward(layer, x);
    std::vector<float> dy(y.size());
    double loss = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      const double error = y[i] - target[i];
      loss += error * error / 64;
      dy[i] = static_cast<float>(2 * error / 64);
    }
    if (step == 0) first = loss;
    last = loss;
    const WeightOnlyGradients g = layer.backward(dy.data(), nullptr);
    const float rate = 2e-3f;
    for (int i = 0; i < 64; ++i) {
      g.dweight[i] *= -rate;
      largest_step = std::fmax(largest_step, std::fabs(g.dweight[i]));
    }
    for (int64_t i = 0; i < g.scale_count; ++i) g.dscales[i] *= -rate, g.dzeros[i] *= -rate;
    for (int i = 0; i < 4; ++i) g.dbias[i] *= -rate;
    layer.add_update({g.dweight, g.dbias, g.dscales, g.dzeros});
  }
  CHECK_IN(last < 0.5 * first, first << " to " << last);
  const std::vector<float> scales = layer.scales().scales;
  CHECK_IN(largest_step < 0.5 * *std::min_element(scales.begin(), scales.end()), largest_step);
}

TEST(mpq_linear_results_do_not_depend_on_threads) {
  const int before = thread_count();
  std::vector<float> results[2];
  for (const int threads : {1, 4}) {
    set_threads(threads);
    MpqOptions o = options(70, 90, 3, 32, false);
    o.linear.method = Method::kLsq;
    o.linear.range = RangeEstimator::kMse;
    MpqLinear layer(o);
    layer.reset_parameters(8);
    layer.prepare_params();
    const auto x = random_values(50 * 70, 81), dy = random_values(50 * 90, 82);
    auto& all = results[threads == 4];
    all = forward(layer, x);
    std::vector<float> dx(x.size());
    const WeightOnlyGradients g = layer.backward(dy.data(), dx.data());
    all.insert(all.end(), dx.begin(), dx.end());
    all.insert(all.end(), g.dweight, g.dweight + 70 * 90);
    all.insert(all.end(), g.dscales, g.dscales + g.scale_count);
    layer.eval();
    const auto packed = forward(layer, x);
    all.insert(all.end(), packed.begin(), packed.end());
  }
  set_threads(before);
  CHECK(results[0] == results[1]);
}

TEST(mpq_linear_refuses_damaged_checkpoints) {
  MpqOptions o = options(10, 3, 3, 4, true);
  MpqLinear layer(o);
  fill(layer, 91);
  layer.prepare_params();
  const MpqWeight good = layer.quantized_weight();
  const auto refused = [&](auto&& damage, const char* code) {
    MpqWeight wrong = good;
    damage(wrong);
    CHECK_THROWS(layer.set_quantized_weight_data(wrong), code);
  };
  const char* argument = "E-NATIVE-ARGUMENT";
  refused([](MpqWeight& w) { w.qweight.pop_back(); }, argument);
  refused([](MpqWeight& w) { w.qweight.back() |= 1 << 30; }, argument);  // 30 bits are used
  refused([](MpqWeight& w) { w.g_idx[2] = 3; }, argument);
  refused([](MpqWeight& w) { w.g_idx[2] = -1; }, argument);
  refused([](MpqWeight& w) { w.g_idx.pop_back(); }, argument);
  refused([](MpqWeight& w) { w.scales[1] = INFINITY; }, argument);
  refused([](MpqWeight& w) { w.scales[1] = 3e38f; }, argument);  // 7 · 3e38 overflows
  refused([](MpqWeight& w) { w.zeros[1] = NAN; }, argument);
  refused([](MpqWeight& w) { w.zeros.clear(); }, argument);
  refused([](MpqWeight& w) { w.qzeros.push_back(0); }, argument);
  refused([](MpqWeight& w) { w.in = 11; }, "E-WEIGHT-SHAPE");
  refused([](MpqWeight& w) { w.format.bits = 4; }, "E-QUANTIZER-INVALID");
  refused([](MpqWeight& w) { w.format.symmetric = false; }, "E-QUANTIZER-INVALID");
  refused([](MpqWeight& w) { w.format.double_group_size = 3; }, "E-QUANTIZER-INVALID");
  CHECK(layer.state() == LayerState::kQuantized);
  MpqWeight edge = good;  // a scale of 0 and negative scales are what they are
  edge.scales[0] = 0;
  edge.scales[1] = -edge.scales[1];
  layer.set_quantized_weight_data(edge);
  layer.train();
  for (const float v : layer.residual()) CHECK_NEAR(v, 0, 1e-7);
}

TEST(mpq_linear_updates_keep_scales_on_their_side_and_stay_finite) {
  MpqLinear layer(options(2, 1, 2, 2, true));
  const float weight[] = {0.1f, 0.2f};
  layer.set_weight_data(weight, 2);
  layer.set_scales({{0.5f}, {0.25f}});
  const float down = -0.75f, huge = 3e38f;
  WeightOnlyUpdate update;
  update.scales = &down;
  layer.add_update(update);
  CHECK_EQ(layer.scales().scales[0], 0.25f);
  const float weights[] = {0, huge};
  update = {};
  update.weight = weights;
  layer.add_update(update);
  CHECK_THROWS(layer.add_update(update), "E-TRAINING-DIVERGED");
  CHECK_EQ(layer.weight()[1], 0.2f + huge);
}
