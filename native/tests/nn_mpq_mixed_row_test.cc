// Mixed-bit rows: hand vectors of the layout, an oracle in double, checkpoints.
#include <algorithm>
#include <cmath>
#include <vector>

#include "nn/mixed_row_linear.h"
#include "nn_mpq_test_util.h"
#include "runtime/thread_pool.h"
#include "test_harness.h"

using namespace mpq_test;
using nn_test::random_values;

namespace {

MixedRowOptions mixed_options() {
  MixedRowOptions o;
  o.linear.in_channels = 7 * 32 + 16;
  o.linear.out_channels = 67;
  o.linear.bias = true;
  o.linear.range = RangeEstimator::kAbsMax;
  o.group_size = 32;
  o.widths = {2, 4, 8, 3, 5, 6, 4, 2};  // the last group has 16 inputs of 2 bits: one word
  o.channel_scale = random_values(7 * 32 + 16, 4);
  return o;
}

std::vector<float> forward(MixedRowLinear& layer, const std::vector<float>& x) {
  const int64_t batch = static_cast<int64_t>(x.size()) / layer.in_channels();
  std::vector<float> y(static_cast<size_t>(batch * layer.out_channels()));
  layer.forward(x.data(), batch, y.data());
  return y;
}

void fill(MixedRowLinear& layer) {
  const auto weight = random_values(layer.in_channels() * layer.out_channels(), 1, 0.1);
  const auto bias = random_values(layer.out_channels(), 2);
  layer.set_weight_data(weight.data(), weight.size());
  layer.set_bias_data(bias.data(), bias.size());
  layer.prepare_params();
}

// The words of 32 inputs with all bits of one code set.
std::vector<uint32_t> words_of_element(int bits, int element) {
  const MixedRowPlan plan = plan_mixed_rows(32, 32, {bits});
  std::vector<uint8_t> codes(32, 0);
  codes[static_cast<size_t>(element)] = static_cast<uint8_t>((1 << bits) - 1);
  const auto words = pack_code_rows(codes.data(), mixed_code_rows(plan), 1);
  return std::vector<uint32_t>(words.begin(), words.end());
}

}  // namespace

// The fields that cross a word border, bit for bit.
TEST(mpq_mixed_rows_hand_vectors) {
  using Words = std::vector<uint32_t>;
  CHECK((words_of_element(3, 10) == Words{0xc0000000u, 1, 0}));
  CHECK((words_of_element(3, 11) == Words{0, 0xe, 0}));
  CHECK((words_of_element(3, 21) == Words{0, 0x80000000u, 3}));
  CHECK((words_of_element(3, 22) == Words{0, 0, 0x1c}));
  CHECK((words_of_element(5, 6) == Words{0xc0000000u, 7, 0, 0, 0}));
  CHECK((words_of_element(5, 7) == Words{0, 0xf8, 0, 0, 0}));
  CHECK((words_of_element(5, 12) == Words{0, 0xf0000000u, 1, 0, 0}));
  CHECK((words_of_element(5, 19) == Words{0, 0, 0x80000000u, 0xf, 0}));
  CHECK((words_of_element(5, 25) == Words{0, 0, 0, 0xe0000000u, 3}));
  CHECK((words_of_element(5, 26) == Words{0, 0, 0, 0, 0x7c}));
  CHECK((words_of_element(6, 5) == Words{0xc0000000u, 0xf, 0, 0, 0, 0}));
  CHECK((words_of_element(6, 10) == Words{0, 0xf0000000u, 3, 0, 0, 0}));
  CHECK((words_of_element(6, 11) == Words{0, 0, 0xfc, 0, 0, 0}));
  CHECK((words_of_element(8, 5) == Words{0, 0xff00, 0, 0, 0, 0, 0, 0}));
  CHECK((words_of_element(4, 9) == Words{0, 0xf0, 0, 0}));
  CHECK((words_of_element(2, 17) == Words{0, 0xc}));
}

TEST(mpq_mixed_rows_plan) {
  const MixedRowPlan plan = plan_mixed_rows(128, 32, {2, 4, 2, 8});
  CHECK((plan.q_groups == std::vector<int32_t>{8, 0, 4, 8, 2, 12, 2, 14}));
  CHECK_EQ(plan.packed_rows, int64_t{16});
  CHECK_EQ(plan.q_perm[0], 96);
  CHECK_EQ(plan.q_perm[32], 32);
  CHECK_EQ(plan.q_perm[64], 0);
  CHECK_EQ(plan.q_perm[127], 95);
  const auto rows = mixed_code_rows(plan);
  CHECK_EQ(rows[96].bit, int64_t{0});          // 8 bits first
  CHECK_EQ(rows[33].bit, int64_t{8 * 32 + 4});  // second of the 4-bit group
  CHECK_EQ(rows[64].bit, int64_t{14 * 32});
  const auto map = mixed_group_map(plan);
  CHECK_EQ(map.size(), size_t{256});
  CHECK(map[0] == 0 && map[1] == 32);
  CHECK(map[62] == 0 && map[63] == 1);
  CHECK(map[64] == 1 && map[65] == 32);
  const std::array<int32_t, 7> boundaries = mixed_row_boundaries(plan);
  CHECK((boundaries == std::array<int32_t, 7>{32, 32, 32, 64, 64, 128, 0x80 | 0x08 | 0x02}));
  CHECK_THROWS(plan_mixed_rows(128, 32, {2, 4, 2}), "E-QUANTIZER-INVALID");
  CHECK_THROWS(plan_mixed_rows(64, 32, {7, 4}), "E-QUANTIZER-INVALID");
  CHECK_THROWS(plan_mixed_rows(20, 20, {3}), "E-QUANTIZER-INVALID");
  CHECK_THROWS(plan_mixed_rows(32, 0, {}), "E-QUANTIZER-INVALID");
}

TEST(mpq_mixed_row_linear_computes_with_the_weight_it_packs) {
  MixedRowLinear layer(mixed_options());
  fill(layer);
  const int64_t in = layer.in_channels(), out = layer.out_channels(), batch = 35;
  const auto x = random_values(batch * in, 5), dy = random_values(batch * out, 6);
  const auto trained = forward(layer, x);
  std::vector<float> dx(x.size());
  const WeightOnlyGradients g = layer.backward(dy.data(), dx.data());
  const std::vector<float> dweight(g.dweight, g.dweight + in * out);
  layer.eval();
  const auto packed = forward(layer, x);
  const MixedRowWeight tensors = layer.quantized_weight();
  const auto weight = dequantize_mixed(tensors);
  std::vector<float> scaled = x;
  for (size_t i = 0; i < scaled.size(); ++i) {
    scaled[i] *= tensors.channel_scale[i % static_cast<size_t>(in)];
  }
  const auto expected = multiply(scaled, weight, batch, in, out, layer.bias());
  CHECK(largest_difference(packed, expected) < 5e-6);
  CHECK(largest_difference(trained, expected) < 3e-5);
  CHECK(largest_difference(layer.dequantized_weight(), weight) < 1e-6);
  for (int64_t m = 0; m < batch; ++m) {
    for (int64_t k = 0; k < in; ++k) {
      double sum = 0;
      for (int64_t n = 0; n < out; ++n) {
        sum += dy[static_cast<size_t>(m * out + n)] * weight[static_cast<size_t>(n * in + k)];
      }
      CHECK_NEAR(dx[static_cast<size_t>(m * in + k)],
                 sum * tensors.channel_scale[static_cast<size_t>(k)], 2e-5);
    }
  }
  // The abs-max range clips nothing: the gradient of the weight is that of the quantized one.
  for (int64_t i = 0; i < in * out; i += 11) {
    double sum = 0;
    for (int64_t m = 0; m < batch; ++m) {
      sum += double{dy[static_cast<size_t>(m * out + i / in)]} *
             scaled[static_cast<size_t>(m * in + i % in)];
    }
    CHECK_NEAR(dweight[static_cast<size_t>(i)], sum, 1e-4);
  }
  // More bits, less error: in the group of 8 bits at most half a step of the range / 255.
  const GroupScales scales = layer.scales();
  for (int64_t n = 0; n < out; ++n) {
    for (int64_t k = 64; k < 96; ++k) {  // widths[2] = 8, stored first
      const auto i = static_cast<size_t>(n * in + k);
      const double step = scales.scales[static_cast<size_t>(n)];
      CHECK_NEAR(weight[i], layer.weight()[i], 0.5001 * step + 1e-7);
    }
  }
}

TEST(mpq_mixed_row_linear_checkpoints_come_back_bit_for_bit) {
  MixedRowLinear source(mixed_options());
  fill(source);
  source.eval();
  const MixedRowWeight saved = source.quantized_weight();
  MixedRowOptions plain;
  plain.linear = mixed_options().linear;
  MixedRowLinear target(plain);
  CHECK_EQ(target.layout().groups(), int64_t{0});
  target.set_bias_data(source.bias(), 67);
  target.set_quantized_weight_data(saved);
  const auto x = random_values(3 * source.in_channels(), 8);
  CHECK(forward(target, x) == forward(source, x));
  target.train();
  WeightOnlyUpdate update;
  const std::vector<float> zeros(static_cast<size_t>(saved.in * saved.out));
  update.weight = zeros.data();
  target.add_update(update);
  const MixedRowWeight again = target.quantized_weight();
  CHECK(again.qweight == saved.qweight && again.q_perm == saved.q_perm);
  CHECK(again.q_groups == saved.q_groups && again.channel_scale == saved.channel_scale);
  CHECK(again.scales == saved.scales && again.zeros == saved.zeros);
}

// A permutation of zeros means "as they are"; scattering every row to input 0 would lose all
// others.
TEST(mpq_mixed_rows_without_permutation) {
  MixedRowOptions o = mixed_options();
  o.widths = {4, 4, 4, 4, 4, 4, 4, 4};
  MixedRowLinear layer(o);
  fill(layer);
  MixedRowWeight weight = layer.quantized_weight();
  const auto expected = layer.dequantized_weight();
  std::fill(weight.q_perm.begin(), weight.q_perm.end(), 0);
  layer.set_quantized_weight_data(weight);
  CHECK(layer.dequantized_weight() == expected);
}

TEST(mpq_mixed_rows_damaged_checkpoints_are_refused) {
  MixedRowLinear layer(mixed_options());
  fill(layer);
  const MixedRowWeight good = layer.quantized_weight();
  const auto refused = [&](auto&& damage, const char* code = "E-NATIVE-ARGUMENT") {
    MixedRowWeight wrong = good;
    damage(wrong);
    CHECK_THROWS(layer.set_quantized_weight_data(wrong), code);
  };
  refused([](MixedRowWeight& w) { w.qweight.pop_back(); });
  refused([](MixedRowWeight& w) { w.qweight.resize(w.qweight.size() + 67); });
  refused([](MixedRowWeight& w) { w.qweight.clear(); });
  refused([](MixedRowWeight& w) { w.q_groups.clear(); });
  refused([](MixedRowWeight& w) { w.q_groups.pop_back(); });
  refused([](MixedRowWeight& w) { w.q_groups[0] = 7; });
  refused([](MixedRowWeight& w) { w.q_groups[1] = 1; });
  refused([](MixedRowWeight& w) { w.q_groups[3] = -1; });
  refused([](MixedRowWeight& w) { w.q_groups[3] = INT32_MAX; });
  refused([](MixedRowWeight& w) { w.q_groups[2] = 8; });
  refused([](MixedRowWeight& w) { w.q_perm[0] = w.q_perm[1]; });
  refused([](MixedRowWeight& w) { w.q_perm[0] = -1; });
  refused([](MixedRowWeight& w) { w.q_perm[0] = 240; });
  refused([](MixedRowWeight& w) { w.q_perm.pop_back(); });
  refused([](MixedRowWeight& w) { w.scales.pop_back(); });
  refused([](MixedRowWeight& w) { w.zeros[3] = NAN; });
  refused([](MixedRowWeight& w) { w.channel_scale[3] = INFINITY; });
  refused([](MixedRowWeight& w) { w.channel_scale.pop_back(); });
  refused([](MixedRowWeight& w) { w.out = 66; }, "E-WEIGHT-SHAPE");
  CHECK(layer.state() == LayerState::kQuantized);
}
