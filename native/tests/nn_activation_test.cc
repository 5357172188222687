// Activation quantizers and the input shift, each against its definition written out in double.
#include <algorithm>
#include <cmath>
#include <vector>

#include "nn/n_bit_layer.h"
#include "nn_test_util.h"
#include "qat/error.h"

namespace {

using namespace nn_test;
using Learned = qat::ActivationQuantizer::Learned;

constexpr int64_t kRows = 37, kCols = 11;

qat::ActivationOptions options_of(qat::Method method, int bits, bool is_signed) {
  qat::ActivationOptions options;
  options.method = method;
  options.bits = bits;
  options.is_signed = is_signed;
  return options;
}

struct Passes {
  std::vector<float> x, dy, y, dx;
};

Passes run(qat::ActivationQuantizer& quantizer) {
  Passes p;
  p.x = random_values(kRows * kCols, 1, 1.3);
  p.dy = random_values(kRows * kCols, 2);
  p.y.resize(p.x.size());
  p.dx.resize(p.x.size());
  quantizer.fake_quantize(p.x.data(), p.y.data(), kRows, kCols);
  quantizer.backward(p.x.data(), p.dy.data(), p.dx.data(), kRows, kCols);
  return p;
}

std::string refusal(qat::Method method, int bits, bool is_signed) {
  try {
    qat::ActivationQuantizer quantizer(options_of(method, bits, is_signed));
  } catch (const qat::Error& error) {
    return error.code();
  }
  return "";
}

}  // namespace

TEST(nn_lsq_plus_learns_scale_and_shift) {
  for (const bool is_signed : {true, false}) {
    qat::ActivationQuantizer quantizer(options_of(qat::Method::kLsqPlus, 3, is_signed));
    const float scale = 0.31f, shift = -0.47f;
    quantizer.set_state({scale, shift});
    const Passes p = run(quantizer);
    const double qmin = is_signed ? -4 : 0, qmax = is_signed ? 3 : 7;
    double dscale = 0, dshift = 0;
    for (size_t i = 0; i < p.x.size(); ++i) {
      const double v = (p.x[i] - shift) / scale, code = std::nearbyint(v);
      const bool inside = code >= qmin && code <= qmax;
      CHECK_NEAR(p.y[i], std::clamp(code, qmin, qmax) * scale + shift, 1e-6);
      CHECK_NEAR(p.dx[i], inside ? p.dy[i] : 0, 0);
      dscale += p.dy[i] * (inside ? code - v : std::clamp(code, qmin, qmax));
      if (!inside) dshift += p.dy[i];
    }
    const double damp = std::sqrt(kCols * qmax);
    CHECK_NEAR(*quantizer.gradient(Learned::kScale), dscale / damp, 1e-4);
    CHECK_NEAR(*quantizer.gradient(Learned::kShift), dshift / damp, 1e-4);
    CHECK_EQ(quantizer.learned().size(), size_t{2});
  }
}

TEST(nn_lsq_plus_starts_with_the_range_of_the_data) {
  qat::ActivationOptions options = options_of(qat::Method::kLsqPlus, 8, true);
  options.range = qat::RangeEstimator::kAbsMax;
  qat::ActivationQuantizer quantizer(options);
  std::vector<float> x = random_values(5000, 3);
  for (float& v : x) v = v * 0.1f - 2.0f;  // far from 0 on one side
  quantizer.estimate(x.data(), static_cast<int64_t>(x.size()), nullptr);
  std::vector<float> y(x.size());
  quantizer.fake_quantize(x.data(), y.data(), 1, static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    CHECK(std::fabs(y[i] - x[i]) <= quantizer.scale() * 0.5001f);
  }
}

TEST(nn_pact_learns_its_clip) {
  qat::ActivationQuantizer quantizer(options_of(qat::Method::kPact, 3, false));
  const float clip = 1.2f;
  quantizer.set_state({clip / 7});
  const Passes p = run(quantizer);
  double dclip = 0;
  for (size_t i = 0; i < p.x.size(); ++i) {
    const double clipped = std::clamp<double>(p.x[i], 0, clip);
    CHECK_NEAR(p.y[i], std::nearbyint(clipped * 7 / clip) * clip / 7, 1e-5);
    CHECK_NEAR(p.dx[i], p.x[i] >= 0 && p.x[i] < clip ? p.dy[i] : 0, 0);
    if (p.x[i] >= clip) dclip += p.dy[i];
  }
  CHECK_NEAR(*quantizer.gradient(Learned::kClip), dclip, 1e-4);
  *quantizer.mutable_value(Learned::kClip) = 2.1f;
  quantizer.after_update();
  CHECK_NEAR(quantizer.scale(), 0.3f, 1e-6);
}

TEST(nn_dorefa_activations_pass_the_gradient_at_both_ends) {
  qat::ActivationQuantizer quantizer(options_of(qat::Method::kDoReFa, 2, false));
  const std::vector<float> x = {-0.1f, 0, 0.5f, 1, 1.1f}, dy = {1, 2, 3, 4, 5};
  quantizer.estimate(x.data(), 5, nullptr);
  std::vector<float> dx(5);
  quantizer.backward(x.data(), dy.data(), dx.data(), 1, 5);
  CHECK((dx == std::vector<float>{0, 2, 3, 4, 0}));
}

// Half of a normal at 1 bit, levels 0 and s: the least-squares s is 1.2240 (Lloyd's conditions).
TEST(nn_one_bit_unsigned_activations_follow_the_estimator) {
  qat::ActivationOptions options = options_of(qat::Method::kLsq, 1, false);
  const std::vector<float> normal = random_values(200000, 3);
  std::vector<float> x;
  for (const float v : normal) x.push_back(std::fabs(v));
  options.range = qat::RangeEstimator::kMse;
  qat::ActivationQuantizer by_error(options);
  by_error.estimate(x.data(), static_cast<int64_t>(x.size()), nullptr);
  CHECK_NEAR(by_error.scale(), 1.2240, 0.01);
  options.range = qat::RangeEstimator::kAbsMax;
  qat::ActivationQuantizer by_largest(options);
  by_largest.estimate(x.data(), static_cast<int64_t>(x.size()), nullptr);
  CHECK_EQ(by_largest.scale(), *std::max_element(x.begin(), x.end()));
}

TEST(nn_dorefa_activations_are_levels_between_0_and_1) {
  qat::ActivationQuantizer quantizer(options_of(qat::Method::kDoReFa, 2, false));
  const auto any = random_values(10, 9);
  quantizer.estimate(any.data(), 10, nullptr);
  const Passes p = run(quantizer);
  for (size_t i = 0; i < p.x.size(); ++i) {
    CHECK_NEAR(p.y[i], std::nearbyint(std::clamp<double>(p.x[i], 0, 1) * 3) / 3, 1e-6);
    CHECK_NEAR(p.dx[i], p.x[i] >= 0 && p.x[i] < 1 ? p.dy[i] : 0, 0);
  }
  CHECK(quantizer.learned().empty());
}

TEST(nn_activation_methods_refuse_grids_they_have_no_form_for) {
  const std::string bad = "E-QUANTIZER-INVALID";
  CHECK_EQ(refusal(qat::Method::kPact, 4, false), std::string(""));
  CHECK_EQ(refusal(qat::Method::kPact, 4, true), bad);
  CHECK_EQ(refusal(qat::Method::kPact, 1, false), bad);
  CHECK_EQ(refusal(qat::Method::kDoReFa, 4, true), bad);
  CHECK_EQ(refusal(qat::Method::kLsqPlus, 1, true), bad);
  qat::ActivationQuantizer lsq(options_of(qat::Method::kLsq, 4, true));
  bool refused = false;
  try {
    lsq.set_state({0.5f, 0.1f});  // only LSQ+ has a shift
  } catch (const qat::Error&) {
    refused = true;
  }
  CHECK(refused);
}

TEST(nn_input_shift_moves_every_channel_and_learns_from_their_sums) {
  qat::Conv2dOptions options;
  options.shape.in_channels = 3;
  options.shape.out_channels = 2;
  options.shape.height = options.shape.width = 4;
  options.shape.kernel_height = options.shape.kernel_width = 3;
  options.input_shift = true;
  options.weight.quantizer.bits = 32;
  options.activation.bits = 32;
  const auto layer = qat::make_conv2d(options);
  layer->reset_parameters(1);
  const int64_t batch = 5, in = layer->input_size(), out = batch * layer->output_size();
  const auto x = random_values(batch * in, 1), dy = random_values(out, 2);
  layer->input_shift()->values = {0.5f, -1.0f, 2.0f};
  std::vector<float> shifted = x, y(dy.size()), expected(dy.size()), dx(x.size());
  for (size_t i = 0; i < shifted.size(); ++i) shifted[i] += layer->input_shift()->values[i / 16 % 3];
  layer->forward(x.data(), batch, y.data());
  layer->backward(dy.data(), dx.data());
  double sums[3] = {};
  for (size_t i = 0; i < dx.size(); ++i) sums[i / 16 % 3] += dx[i];
  for (size_t c = 0; c < 3; ++c) CHECK_NEAR(layer->input_shift()->gradient[c], sums[c], 1e-4);
  layer->input_shift()->values.assign(3, 0.0f);
  layer->forward(shifted.data(), batch, expected.data());
  CHECK(y == expected);
}

TEST(nn_packed_inference_follows_shifts_also_beside_padding) {
  for (const int64_t padding : {0, 1}) {
    for (const int w_bit : {1, 4}) {
      qat::Conv2dOptions options;
      options.shape.in_channels = 3;
      options.shape.out_channels = 5;
      options.shape.height = options.shape.width = 6;
      options.shape.kernel_height = options.shape.kernel_width = 3;
      options.shape.padding = padding;
      options.input_shift = true;
      options.bias = true;
      options.weight.quantizer.bits = w_bit;
      if (w_bit == 1) options.weight.quantizer.grid = qat::Grid::kBinary;
      options.activation = options_of(qat::Method::kLsqPlus, 4, false);
      const auto layer = qat::make_conv2d(options);
      layer->reset_parameters(3);
      layer->input_shift()->values = {0.2f, -0.3f, 0.1f};
      const int64_t batch = 4;
      const auto x = random_values(batch * layer->input_size(), 8);
      layer->prepare_params(x.data(), batch);
      CHECK(layer->activation_state().shift < -0.5f);
      std::vector<float> trained(static_cast<size_t>(batch * layer->output_size()));
      std::vector<float> packed(trained.size());
      layer->forward(x.data(), batch, trained.data());
      layer->eval();
      layer->forward(x.data(), batch, packed.data());
      for (size_t i = 0; i < packed.size(); ++i) CHECK_NEAR(packed[i], trained[i], 2e-5);
    }
  }
}
