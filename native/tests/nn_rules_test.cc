// Gradient rules of weights: ternary (TWN, LSQ, TTQ), DoReFa, IR-Net, mid-rise LSQ, as layers.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "nn/n_bit_layer.h"
#include "nn_test_util.h"
#include "qat/error.h"
#include "quant/weight_transforms.h"

namespace {

using namespace nn_test;
using qat::Granularity;
using qat::Grid;
using qat::Method;
using qat::RangeEstimator;

constexpr int64_t kIn = 21, kOut = 6;

struct Rule {
  const char* name;
  int bits;
  Grid grid;
  Granularity granularity;
  RangeEstimator range;
  Method method;
};
const Rule kRules[] = {
    {"twn", 2, Grid::kTernary, Granularity::kTensor, RangeEstimator::kTwn, Method::kSte},
    {"twn exact", 2, Grid::kTernary, Granularity::kChannel, RangeEstimator::kMse, Method::kSte},
    {"ternary lsq", 2, Grid::kTernary, Granularity::kGroup, RangeEstimator::kMse, Method::kLsq},
    {"ttq", 2, Grid::kTernary, Granularity::kTensor, RangeEstimator::kTtq, Method::kTtq},
    {"ttq group", 2, Grid::kTernary, Granularity::kGroup, RangeEstimator::kTtq, Method::kTtq},
    {"ttq channel", 2, Grid::kTernary, Granularity::kChannel, RangeEstimator::kTtq, Method::kTtq},
    {"dorefa 2", 2, Grid::kMidrise, Granularity::kTensor, RangeEstimator::kAbsMax, Method::kDoReFa},
    {"dorefa 4", 4, Grid::kMidrise, Granularity::kTensor, RangeEstimator::kAbsMax, Method::kDoReFa},
    {"irnet", 1, Grid::kBinary, Granularity::kChannel, RangeEstimator::kMse, Method::kIrNet},
    {"mid-rise", 3, Grid::kMidrise, Granularity::kChannel, RangeEstimator::kMse, Method::kLsq},
};

qat::LinearOptions options_of(const Rule& rule, int a_bit = 32) {
  qat::LinearOptions options = linear_options(kIn, kOut, rule.bits, a_bit);
  options.weight.quantizer.grid = rule.grid;
  options.weight.quantizer.granularity = rule.granularity;
  options.weight.quantizer.group_size = 8;
  options.weight.quantizer.range = rule.range;
  options.weight.method = rule.method;
  return options;
}

const Rule& rule_named(const std::string& name) {
  return *std::find_if(std::begin(kRules), std::end(kRules),
                       [&](const Rule& rule) { return rule.name == name; });
}

std::unique_ptr<qat::NBitLayer> prepared(const qat::LinearOptions& options,
                                         const std::vector<float>& w) {
  auto layer = qat::make_linear(options);
  layer->set_weight_data(w.data(), w.size());
  layer->prepare_params();
  return layer;
}

// ŵ of a layer with float activations: what unit vectors give.
std::vector<float> weight_seen(qat::NBitLayer& layer) {
  std::vector<float> x(static_cast<size_t>(kIn * kIn), 0.0f), y(static_cast<size_t>(kIn * kOut));
  for (int64_t i = 0; i < kIn; ++i) x[static_cast<size_t>(i * kIn + i)] = 1;
  layer.forward(x.data(), kIn, y.data());
  std::vector<float> w(static_cast<size_t>(kIn * kOut));
  for (int64_t i = 0; i < kIn; ++i) {
    for (int64_t o = 0; o < kOut; ++o) {
      w[static_cast<size_t>(o * kIn + i)] = y[static_cast<size_t>(i * kOut + o)];
    }
  }
  return w;
}

// dw for a given dŵ: one sample per input, so that dW = dYᵀ·1.
qat::LayerGradients gradients_for(qat::NBitLayer& layer, const std::vector<float>& dweight) {
  std::vector<float> dy(static_cast<size_t>(kIn * kOut));
  for (int64_t i = 0; i < kIn; ++i) {
    for (int64_t o = 0; o < kOut; ++o) {
      dy[static_cast<size_t>(i * kOut + o)] = dweight[static_cast<size_t>(o * kIn + i)];
    }
  }
  weight_seen(layer);
  return layer.backward(dy.data(), nullptr);
}

}  // namespace

TEST(nn_every_rule_packs_what_it_trains) {
  for (const Rule& rule : kRules) {
    for (const int a_bit : {32, 8, 4, 1}) {
      const auto layer = qat::make_linear(options_of(rule, a_bit));
      const int64_t batch = 19;
      const auto x = random_values(batch * kIn, 3), w = random_values(kIn * kOut, 4, 0.3);
      layer->set_weight_data(w.data(), w.size());
      layer->prepare_params(x.data(), batch);
      float* moved = layer->mutable_weight();  // as an optimizer does
      for (size_t i = 0; i < w.size(); ++i) moved[i] *= 1.1f;
      std::vector<float> trained(static_cast<size_t>(batch * kOut)), packed(trained.size());
      layer->forward(x.data(), batch, trained.data());
      layer->eval();
      layer->forward(x.data(), batch, packed.data());
      for (size_t i = 0; i < packed.size(); ++i) CHECK_NEAR(packed[i], trained[i], 1e-5);
    }
  }
}

TEST(nn_every_rule_trains_the_same_on_any_number_of_threads_and_resumes_exactly) {
  for (const Rule& rule : kRules) {
    const std::vector<qat::NetworkNode> nodes = {linear_node("a", options_of(rule, 4)), relu_node(),
                                                 linear_node("b", linear_options(kOut, 4, 4, 4))};
    check_same_bits_on_threads_and_after_resume(nodes, clusters(50, kIn, 4, 21));
  }
}

// Its levels are learned; its threshold is 5 % of the largest weight there is now, not of the first one.
TEST(nn_ttq_thresholds_follow_the_weight_while_levels_are_learned) {
  const auto layer = prepared(options_of(rule_named("ttq")), random_values(kIn * kOut, 4, 0.3));
  float* w = layer->mutable_weight();
  w[3] = 8;
  layer->mutable_scales()[0] *= 1.5f;
  layer->mutable_negative_scales()[0] *= 0.5f;
  layer->after_update();
  CHECK_NEAR(layer->scales().thresholds[0], 0.4, 1e-6);
}

// A session whose ring is full stops after exactly so many steps, whatever the machine's load.
TEST(nn_every_rule_resumes_exactly_after_every_step) {
  const auto data = clusters(50, kIn, 4, 21);
  for (const Rule& rule : kRules) {
    const std::vector<qat::NetworkNode> nodes = {linear_node("a", options_of(rule, 4)), relu_node(),
                                                 linear_node("b", linear_options(kOut, 4, 4, 4))};
    const auto whole = trained_parameters(nodes, data, short_training(), 2, false);
    for (size_t steps = 1; steps < 14; ++steps) {
      CHECK_IN(resumed_parameters(nodes, data, short_training(), steps) == whole,
               rule.name << " after " << steps);
    }
  }
}

TEST(nn_binary_latent_weights_are_clipped_after_an_update) {
  const Rule binary = {"binary", 1, Grid::kBinary, Granularity::kChannel, RangeEstimator::kMse,
                       Method::kSte};
  const auto layer = prepared(options_of(binary), random_values(kIn * kOut, 4, 0.3));
  float* w = layer->mutable_weight();
  w[0] = 1.5f;
  w[1] = -7;
  w[2] = 0.25f;
  layer->after_update();
  CHECK(w[0] == 1 && w[1] == -1 && w[2] == 0.25f);
}

TEST(nn_twn_follows_its_latent_weight) {
  const auto w = random_values(kIn * kOut, 4, 0.3);
  const auto layer = prepared(options_of(rule_named("twn")), w);
  float* moved = layer->mutable_weight();
  for (size_t i = 0; i < w.size(); ++i) moved[i] = w[i] * (i % 3 == 0 ? 3.0f : 1.0f);
  const std::vector<float> now(moved, moved + w.size());
  double mean = 0, sum = 0, count = 0;
  for (const float v : now) mean += std::fabs(v) / static_cast<double>(now.size());
  for (const float v : now) {
    if (std::fabs(v) <= 0.7 * mean) continue;
    sum += std::fabs(v);
    ++count;
  }
  const std::vector<float> seen = weight_seen(*layer);
  for (size_t i = 0; i < now.size(); ++i) {
    const double wanted = std::fabs(now[i]) > 0.7 * mean ? std::copysign(sum / count, now[i]) : 0;
    CHECK_NEAR(seen[i], wanted, 1e-6);
  }
}

TEST(nn_ttq_learns_both_levels) {
  const auto w = random_values(kIn * kOut, 4, 0.3), g = random_values(kIn * kOut, 5);
  const auto layer = prepared(options_of(rule_named("ttq")), w);
  const qat::Scales scales = layer->scales();
  const float up = scales.scales[0], down = scales.negative_scales[0];
  const float threshold = 0.05f * std::fabs(*std::max_element(
                                      w.begin(), w.end(), [](float a, float b) {
                                        return std::fabs(a) < std::fabs(b);
                                      }));
  const qat::LayerGradients got = gradients_for(*layer, g);
  double dup = 0, ddown = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const bool plus = w[i] > threshold, minus = w[i] < -threshold;
    if (plus) dup += g[i];
    if (minus) ddown -= g[i];
    CHECK_NEAR(got.dweight[i], g[i] * (plus ? up : minus ? down : 1.0f), 1e-5);
  }
  const double damp = std::sqrt(static_cast<double>(w.size()));
  CHECK_NEAR(got.dscale_weight[0], dup / damp, 1e-5);
  CHECK_NEAR(got.dnegative_scale_weight[0], ddown / damp, 1e-5);
}

// Straight through the rounding, so its derivative is that of Σ g·u(w), u = tanh(w)/max|tanh w|.
TEST(nn_dorefa_gradient_goes_through_the_squashing) {
  const auto w = random_values(kIn * kOut, 4, 0.7), g = random_values(kIn * kOut, 5);
  const auto layer = prepared(options_of(rule_named("dorefa 4")), w);
  const qat::LayerGradients got = gradients_for(*layer, g);
  std::vector<double> moved(w.begin(), w.end());
  const auto value = [&] {
    double largest = 0, sum = 0;
    for (const double v : moved) largest = std::max(largest, std::fabs(std::tanh(v)));
    for (size_t i = 0; i < moved.size(); ++i) sum += g[i] * std::tanh(moved[i]) / largest;
    return sum;
  };
  for (size_t i = 0; i < w.size(); ++i) {
    const double kept = moved[i], h = 1e-5;
    moved[i] = kept + h;
    const double above = value();
    moved[i] = kept - h;
    const double below = value();
    moved[i] = kept;
    CHECK_NEAR(got.dweight[i], (above - below) / (2 * h), 1e-4);
  }
  for (const float v : weight_seen(*layer)) {
    const double level = (v + 1) * 15 / 2;
    CHECK_NEAR(level, std::nearbyint(level), 1e-4);
    CHECK(std::fabs(v) <= 1.0001f);
  }
}

// Backward, sign(n) is k·tanh(t·n) of the balanced weight n(w), and the scale is a constant.
TEST(nn_irnet_gradient_is_that_of_its_annealed_sign) {
  const auto w = random_values(kIn * kOut, 4, 0.3), g = random_values(kIn * kOut, 5);
  const auto layer = prepared(options_of(rule_named("irnet")), w);
  const qat::Scales scales = layer->scales();
  for (const float scale : scales.scales) {
    CHECK_NEAR(std::log2(scale), std::nearbyint(std::log2(scale)), 1e-6);
  }
  for (const double progress : {0.0, 0.6, 1.0}) {
    layer->set_progress(progress);
    const qat::LayerGradients got = gradients_for(*layer, g);
    const qat::ErrorDecay decay = qat::error_decay(progress);
    for (int64_t row = 0; row < kOut; ++row) {
      std::vector<double> line(w.begin() + row * kIn, w.begin() + (row + 1) * kIn);
      const auto value = [&] {
        double mean = 0, square = 0, sum = 0;
        for (const double v : line) mean += v / kIn;
        for (const double v : line) square += (v - mean) * (v - mean) / (kIn - 1);
        for (int64_t i = 0; i < kIn; ++i) {
          const double n = (line[static_cast<size_t>(i)] - mean) / std::sqrt(square);
          sum += g[static_cast<size_t>(row * kIn + i)] * decay.k * std::tanh(decay.t * n);
        }
        return sum * scales.scales[static_cast<size_t>(row)];
      };
      for (int64_t i = 0; i < kIn; ++i) {
        double& variable = line[static_cast<size_t>(i)];
        const double kept = variable, h = 1e-5;
        variable = kept + h;
        const double above = value();
        variable = kept - h;
        const double below = value();
        variable = kept;
        const double wanted = (above - below) / (2 * h);
        CHECK_NEAR(got.dweight[row * kIn + i], wanted, 1e-4 + 1e-3 * std::fabs(wanted));
      }
    }
  }
}

TEST(nn_dorefa_sends_one_bit_to_the_method_that_is_its_form_of_it) {
  Rule rule = rule_named("irnet");
  rule.method = Method::kDoReFa;
  rule.granularity = Granularity::kTensor;
  rule.range = RangeEstimator::kAbsMax;
  std::string remedy;
  try {
    qat::make_linear(options_of(rule));
  } catch (const qat::Error& error) {
    remedy = error.remedy();
  }
  CHECK_IN(remedy.find("method ste") != std::string::npos, remedy);
}

TEST(nn_rules_refuse_grids_they_have_no_form_for) {
  const auto refused = [](Rule rule, Method method, Granularity granularity, RangeEstimator range) {
    rule.method = method;
    rule.granularity = granularity;
    rule.range = range;
    try {
      qat::make_linear(options_of(rule));
    } catch (const qat::Error& error) {
      return error.code() == "E-QUANTIZER-INVALID" && !error.remedy().empty();
    }
    return false;
  };
  const Rule& ternary = rule_named("twn");
  const Rule& midrise = rule_named("dorefa 4");
  const Rule& binary = rule_named("irnet");
  const auto channel = Granularity::kChannel, tensor = Granularity::kTensor;
  const auto absmax = RangeEstimator::kAbsMax;
  CHECK(!refused(midrise, Method::kDoReFa, tensor, absmax));
  CHECK(refused(midrise, Method::kDoReFa, channel, absmax));
  CHECK(refused(midrise, Method::kIrNet, channel, absmax));
  CHECK(refused(binary, Method::kIrNet, tensor, absmax));
  CHECK(refused(binary, Method::kTtq, channel, absmax));
  CHECK(refused(ternary, Method::kTtq, tensor, RangeEstimator::kTwn));
  CHECK(refused(ternary, Method::kSte, tensor, RangeEstimator::kTtq));
  CHECK(refused(ternary, Method::kPact, tensor, RangeEstimator::kTwn));
}
