// The life cycle: every call in every state, and the packed weight that must never be stale.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "nn_test_util.h"
#include "quant/range.h"

namespace {

using namespace nn_test;
using qat::LayerState;
using Layer = qat::NBitLayer;

constexpr int64_t kIn = 20, kOut = 6;
const LayerState kStates[] = {LayerState::kCreated, LayerState::kWeight, LayerState::kPrepared,
                              LayerState::kQuantized, LayerState::kPackedOnly};

std::vector<float> weights(uint64_t seed = 1) { return random_values(kIn * kOut, seed, 0.3); }

std::unique_ptr<Layer> layer_in(LayerState state, int w_bit = 4) {
  auto layer = qat::make_linear(linear_options(kIn, kOut, w_bit, 4));
  layer->set_activation_scale(0.2f);
  const auto w = weights();
  if (state != LayerState::kCreated) layer->set_weight_data(w.data(), w.size());
  if (state > LayerState::kWeight) layer->prepare_params();
  if (state > LayerState::kPrepared) {
    layer->generate_quantized_weight(state == LayerState::kPackedOnly);
  }
  CHECK_EQ(std::string(to_string(layer->state())), std::string(to_string(state)));
  return layer;
}

qat::QuantizedWeight packed_sample(int w_bit) {
  return layer_in(LayerState::kQuantized, w_bit)->packed_weight();
}

struct Call {
  const char* name;
  std::function<void(Layer&)> run;
  // Per state of kStates: the state after the call, or null where the call must be refused.
  const char* after[5];
};

std::vector<float> input() { return random_values(3 * kIn, 2); }

std::vector<Call> calls(int w_bit) {
  static const char* const kNo = nullptr;
  return {
      {"resetParameters", [](Layer& l) { l.reset_parameters(3); },
       {"weight", "weight", "weight", "weight", "weight"}},
      {"setWeightData", [](Layer& l) { const auto w = weights(4); l.set_weight_data(w.data(), w.size()); },
       {"weight", "weight", "weight", "weight", "weight"}},
      {"prepareParams", [](Layer& l) { l.prepare_params(); },
       {kNo, "prepared", "prepared", "prepared", kNo}},
      {"generateQuantizedWeight", [](Layer& l) { l.generate_quantized_weight(); },
       {kNo, kNo, "quantized", "quantized", kNo}},
      {"generateQuantizedWeight", [](Layer& l) { l.generate_quantized_weight(true); },
       {kNo, kNo, "packedOnly", "packedOnly", kNo}},
      {"setQuantizedWeightData", [w_bit](Layer& l) { l.set_quantized_weight_data(packed_sample(w_bit)); },
       {"packedOnly", "packedOnly", "packedOnly", "packedOnly", "packedOnly"}},
      {"setScales", [w_bit](Layer& l) { l.set_scales(packed_sample(w_bit).scales); },
       {kNo, "prepared", "prepared", "prepared", "packedOnly"}},
      {"scales", [](Layer& l) { l.scales(); }, {kNo, kNo, "prepared", "quantized", "packedOnly"}},
      {"train", [](Layer& l) { l.train(); },
       {"created", "weight", "prepared", "quantized", "quantized"}},
      {"optWeight", [](Layer& l) { l.eval(); l.opt_weight(); },
       {kNo, kNo, "quantized", "quantized", "packedOnly"}},
      {"forward", [](Layer& l) { l.eval(); std::vector<float> y(3 * kOut); l.forward(input().data(), 3, y.data()); },
       {kNo, kNo, "quantized", "quantized", "packedOnly"}},
      {"backward", [](Layer& l) { std::vector<float> dy(3 * kOut); l.backward(dy.data(), nullptr); },
       {kNo, kNo, kNo, kNo, kNo}},
  };
}

void check_refusal(const Call& call, LayerState from, Layer& layer) {
  try {
    call.run(layer);
    CHECK_IN(false, call.name << " in " << to_string(from));
  } catch (const qat::Error& error) {
    const std::string message = error.what();
    CHECK_EQ(error.code(), std::string("E-LAYER-STATE"));
    CHECK_IN(message.find(call.name) != std::string::npos, message);
    CHECK_IN(message.find(to_string(from)) != std::string::npos, message);
    CHECK(!error.remedy().empty());
    CHECK_EQ(std::string(to_string(layer.state())), std::string(to_string(from)));
  }
}

TEST(nn_every_call_in_every_state) {
  for (const int w_bit : {1, 4}) {
    for (const Call& call : calls(w_bit)) {
      for (size_t i = 0; i < 5; ++i) {
        const auto layer = layer_in(kStates[i], w_bit);
        if (!call.after[i]) {
          check_refusal(call, kStates[i], *layer);
          continue;
        }
        call.run(*layer);
        CHECK_IN(std::string(to_string(layer->state())) == call.after[i],
                 call.name << " in " << to_string(kStates[i]) << " gave " << to_string(layer->state()));
      }
    }
  }
}

// Train → eval → train → eval must show the new weight (the first pack must not survive).
TEST(nn_packed_weight_is_never_stale) {
  for (const int w_bit : {1, 3, 4}) {
    const auto layer = layer_in(LayerState::kPrepared, w_bit);
    layer->eval();
    const qat::QuantizedWeight first = *layer->opt_weight().packed;
    layer->train();
    CHECK(layer->opt_weight().packed == nullptr);
    float* w = layer->mutable_weight();
    for (int64_t i = 0; i < kIn * kOut; ++i) w[i] = -w[i] * 0.5f;
    CHECK_EQ(std::string(to_string(layer->state())), std::string("prepared"));
    layer->eval();
    const qat::QuantizedWeight second = *layer->opt_weight().packed;
    CHECK(first.packed != second.packed);
    const auto fresh = qat::make_linear(linear_options(kIn, kOut, w_bit, 4));
    fresh->set_weight_data(layer->weight(), static_cast<size_t>(kIn * kOut));
    fresh->set_scales(layer->scales());
    CHECK(fresh->packed_weight().packed == second.packed);
    if (w_bit == 1) continue;
    float* scales = layer->mutable_scales();
    for (int64_t i = 0; i < layer->scale_count(); ++i) scales[i] *= 2;
    CHECK(layer->packed_weight().packed != second.packed);
  }
}

TEST(nn_binary_ste_alpha_follows_the_latent_weight) {
  qat::LinearOptions options = linear_options(kIn, kOut, 1, 32);
  options.weight.method = qat::Method::kSte;
  const auto layer = qat::make_linear(options);
  const auto w = weights();
  layer->set_weight_data(w.data(), w.size());
  layer->prepare_params();
  const auto before = layer->scales().scales;
  float* latent = layer->mutable_weight();
  for (int64_t i = 0; i < kIn * kOut; ++i) latent[i] *= 3;
  const auto after = layer->scales().scales;
  for (size_t r = 0; r < before.size(); ++r) {
    double sum = 0;
    for (int64_t c = 0; c < kIn; ++c) sum += std::fabs(latent[static_cast<int64_t>(r) * kIn + c]);
    CHECK_NEAR(after[r], sum / kIn, 1e-6);
    CHECK_NEAR(after[r], 3 * before[r], 1e-5);
  }
}

TEST(nn_ste_absmax_scales_follow_the_weight_and_others_stay) {
  for (const auto range : {qat::RangeEstimator::kAbsMax, qat::RangeEstimator::kMse}) {
    for (const auto method : {qat::Method::kSte, qat::Method::kLsq}) {
      qat::LinearOptions options = linear_options(kIn, kOut, 4, 32);
      options.weight.quantizer.range = range;
      options.weight.method = method;
      const auto layer = qat::make_linear(options);
      const auto w = weights();
      layer->set_weight_data(w.data(), w.size());
      layer->prepare_params();
      const auto before = layer->scales().scales;
      float* latent = layer->mutable_weight();
      for (int64_t i = 0; i < kIn * kOut; ++i) latent[i] *= 3;
      const auto after = layer->scales().scales;
      const bool follows = range == qat::RangeEstimator::kAbsMax && method == qat::Method::kSte;
      for (size_t r = 0; r < before.size(); ++r) {
        float largest = 0;
        for (int64_t c = 0; c < kIn; ++c) {
          largest = std::max(largest, std::fabs(latent[static_cast<int64_t>(r) * kIn + c]));
        }
        CHECK_NEAR(after[r], follows ? largest / 7 : before[r], 1e-6 * largest);
      }
    }
  }
}

TEST(nn_binary_zero_counts_as_plus) {
  const auto layer = qat::make_linear(linear_options(4, 1, 1, 32));
  const float w[4] = {0.0f, -0.0f, -1.0f, 1.0f};
  layer->set_weight_data(w, 4);
  layer->prepare_params();
  const float x[4] = {1, 10, 100, 1000};
  float y = 0;
  layer->forward(x, 1, &y);
  CHECK_NEAR(y, 0.5 * (1 + 10 - 100 + 1000), 1e-3);
  layer->eval();
  layer->forward(x, 1, &y);
  CHECK_NEAR(y, 0.5 * (1 + 10 - 100 + 1000), 1e-3);
}

TEST(nn_backward_refuses_a_weight_written_since_the_forward) {
  const auto layer = layer_in(LayerState::kPrepared);
  const auto x = input();
  std::vector<float> y(3 * kOut), dx(3 * kIn);
  layer->forward(x.data(), 3, y.data());
  layer->backward(y.data(), dx.data());
  layer->mutable_weight()[0] += 1;
  CHECK_THROWS(layer->backward(y.data(), dx.data()), "E-LAYER-STATE");
}

TEST(nn_forward_needs_an_activation_scale) {
  const auto layer = qat::make_linear(linear_options(kIn, kOut, 4, 4));
  layer->reset_parameters(1);
  layer->prepare_params();
  const auto x = input();
  std::vector<float> y(3 * kOut);
  CHECK_THROWS(layer->forward(x.data(), 3, y.data()), "E-LAYER-STATE");
  layer->prepare_params(x.data(), 3);
  layer->forward(x.data(), 3, y.data());
  CHECK(layer->activation_scale() > 0);
}

TEST(nn_layers_refuse_bad_arguments) {
  CHECK_THROWS(qat::make_linear(linear_options(0, 4, 4, 4)), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::make_linear(linear_options(4, int64_t{1} << 40, 4, 4)), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(qat::make_linear(linear_options(4, 4, 9, 4)), "E-QUANTIZER-INVALID");
  CHECK_THROWS(qat::make_linear(linear_options(4, 4, 4, 9)), "E-QUANTIZER-INVALID");
  CHECK_THROWS(qat::make_linear(linear_options(4, 4, 4, 0)), "E-QUANTIZER-INVALID");
  qat::LinearOptions options = linear_options(4, 4, 4, 4);
  options.device = "cuda";
  CHECK_THROWS(qat::make_linear(options), "E-NATIVE-ARGUMENT");
  options = linear_options(4, 4, 4, 4);
  options.dtype = "float16";
  CHECK_THROWS(qat::make_linear(options), "E-NATIVE-ARGUMENT");

  const auto layer = layer_in(LayerState::kPrepared);
  auto w = weights();
  CHECK_THROWS(layer->set_weight_data(w.data(), 7), "E-WEIGHT-SHAPE");
  w[11] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS(layer->set_weight_data(w.data(), w.size()), "E-WEIGHT-NOT-FINITE");
  CHECK_THROWS(layer->set_activation_scale(0), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(layer->set_activation_scale(-1), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(layer->set_scales({{1.0f}, {}}), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(layer->set_scales({std::vector<float>(kOut, -1.0f), {}}), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(layer->set_quantized_weight_data(packed_sample(3)), "E-QUANTIZER-INVALID");
  CHECK_EQ(std::string(to_string(layer->state())), std::string("prepared"));
}

TEST(nn_reset_parameters_is_kaiming_uniform_and_reproducible) {
  qat::LinearOptions options = linear_options(400, 50, 32, 32);
  const auto a = qat::make_linear(options);
  const auto b = qat::make_linear(options);
  a->reset_parameters(7);
  b->reset_parameters(7);
  const float bound = 1.0f / std::sqrt(400.0f);
  double sum2 = 0;
  float largest = 0;
  for (int64_t i = 0; i < 400 * 50; ++i) {
    CHECK_EQ(a->weight()[i], b->weight()[i]);
    sum2 += static_cast<double>(a->weight()[i]) * a->weight()[i];
    largest = std::max(largest, std::fabs(a->weight()[i]));
  }
  CHECK(largest <= bound && largest > 0.99f * bound);
  CHECK_NEAR(sum2 / (400 * 50), bound * bound / 3, 0.02 * bound * bound);
  b->reset_parameters(8);
  CHECK(!std::equal(a->weight(), a->weight() + 100, b->weight()));
}

}  // namespace
