// Quantizer libraries: what is refused of them, the example against its formulas, layers and networks
// that train with one.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "nn/embedding.h"
#include "nn/n_bit_layer.h"
#include "nn_test_util.h"
#include "quant/analysis.h"
#include "quant/packing.h"
#include "quant/range.h"
#include "quant/user_quantizer.h"

namespace {

using namespace nn_test;
using qat::Granularity;
using qat::Grid;
using qat::Method;
using qat::UserQuantizer;

std::string library(const char* name) { return std::string(QAT_QUANTIZERS_DIR "/") + name + ".so"; }

const UserQuantizer& geometric() { return qat::load_user_quantizer(library("geometric")); }

constexpr int64_t kIn = 20, kOut = 6;
const Granularity kAll[] = {Granularity::kTensor, Granularity::kChannel, Granularity::kGroup};

void use_library(const UserQuantizer* user, int bits, Granularity granularity,
                 qat::LayerOptions* options) {
  qat::QuantizerConfig& q = options->weight.quantizer;
  q.bits = bits;
  q.grid = Grid::kUser;
  q.user = user;
  q.granularity = granularity;
  q.group_size = 8;
  options->weight.method = Method::kUser;
}

qat::LinearOptions user_options(Granularity granularity, int bits = 3, int a_bit = 32) {
  qat::LinearOptions options = linear_options(kIn, kOut, 4, a_bit);
  use_library(&geometric(), bits, granularity, &options);
  return options;
}

std::unique_ptr<qat::NBitLayer> prepared(const qat::LinearOptions& options, uint64_t seed = 3) {
  auto layer = qat::make_linear(options);
  const std::vector<float> w = random_values(kIn * kOut, seed);
  layer->set_weight_data(w.data(), w.size());
  const std::vector<float> x = random_values(4 * kIn, seed + 1);
  layer->prepare_params(x.data(), 4);
  return layer;
}

// The parameters and levels of a scale, by the formulas of the example.
std::vector<double> formula_levels(double scale, double ratio, int bits) {
  const int half = 1 << (bits - 1);
  std::vector<double> levels(static_cast<size_t>(2 * half));
  for (int m = 0; m < half; ++m) {
    levels[static_cast<size_t>(m)] = scale * std::pow(ratio, m);
    levels[static_cast<size_t>(half + m)] = -levels[static_cast<size_t>(m)];
  }
  return levels;
}

int64_t scale_of(const qat::ScaleLayout& layout, int64_t row, int64_t col) {
  return row * layout.row_stride + (layout.row_stride ? col / layout.group_cols : 0);
}

// ŵ by trying every level.
std::vector<double> nearest_levels(const qat::ScaleLayout& layout, const qat::Scales& scales,
                                   const float* w, int bits) {
  std::vector<double> result;
  for (int64_t r = 0; r < layout.rows; ++r) {
    for (int64_t c = 0; c < layout.cols; ++c) {
      const auto at = static_cast<size_t>(scale_of(layout, r, c));
      const double x = static_cast<double>(w[r * layout.cols + c]);
      const std::vector<double> levels =
          formula_levels(static_cast<double>(scales.scales[at]),
                         static_cast<double>(scales.parameters[at]), bits);
      result.push_back(*std::min_element(levels.begin(), levels.end(), [x](double a, double b) {
        return std::fabs(a - x) < std::fabs(b - x);
      }));
    }
  }
  return result;
}

}  // namespace

TEST(user_quantizer_says_what_it_is_and_is_loaded_once) {
  const UserQuantizer& user = geometric();
  CHECK_EQ(user.id(), std::string("user:geometric"));
  CHECK_EQ(user.version(), std::string("1.0"));
  CHECK(user.bit_widths() == (std::vector<int>{2, 3, 4, 5, 6, 7, 8}));
  CHECK_EQ(user.parameter_count(), 2);
  CHECK_EQ(user.parameters()[1].name, std::string("ratio"));
  CHECK(&geometric() == &user);
  CHECK(qat::find_user_quantizer("user:geometric") == &user);
  CHECK(qat::find_user_quantizer("user:none") == nullptr);
}

TEST(user_quantizer_refuses_libraries_that_are_not_what_they_must_be) {
  for (const char* name : {"fault-abi", "fault-name", "fault-missing", "fault-symbol", "fault-null",
                           "no-such-file"}) {
    CHECK_THROWS(qat::load_user_quantizer(library(name)), "E-QUANTIZER-LIBRARY");
  }
}

TEST(user_quantizer_checks_everything_that_comes_back) {
  const float values[4] = {0.1f, 0.2f, -0.3f, 0.4f}, dquantized[4] = {1, 1, 1, 1};
  float parameters[8] = {0.5f}, levels[256], dvalues[4];
  double sums[8];
  uint8_t codes[4];
  const auto load = [](const char* name) -> const UserQuantizer& {
    return qat::load_user_quantizer(library(name));
  };
  CHECK_THROWS(load("fault-parameter").prepare(values, 4, 2, parameters), "E-QUANTIZER-LIBRARY");
  CHECK_THROWS(load("fault-code").quantize(values, 4, 2, parameters, codes), "E-QUANTIZER-LIBRARY");
  CHECK_THROWS(load("fault-unwritten").quantize(values, 4, 2, parameters, codes),
               "E-QUANTIZER-LIBRARY");
  CHECK_THROWS(load("fault-level").dequantize(2, parameters, levels), "E-QUANTIZER-LIBRARY");
  CHECK_THROWS(
      load("fault-gradient").gradient(values, 4, 2, parameters, dquantized, dvalues, sums),
      "E-QUANTIZER-LIBRARY");
  try {
    load("fault-error").prepare(values, 4, 2, parameters);
    CHECK(false);
  } catch (const qat::Error& error) {
    CHECK(std::string(error.what()).find("error 42: the answer was wrong") != std::string::npos);
  }
  const UserQuantizer& sound = load("sound");
  sound.prepare(values, 4, 2, parameters);
  sound.quantize(values, 4, 2, parameters, codes);
  sound.dequantize(2, parameters, levels);
  sound.gradient(values, 4, 2, parameters, dquantized, dvalues, sums);
  CHECK_EQ(levels[3], 1.5f);
}

TEST(user_quantizer_layer_rounds_to_the_nearest_level_at_every_granularity) {
  for (const Granularity granularity : kAll) {
    for (const int bits : {2, 3, 5}) {
      auto layer = prepared(user_options(granularity, bits));
      const qat::Scales scales = layer->scales();
      const std::vector<double> expected =
          nearest_levels(layer->scale_layout(), scales, layer->weight(), bits);
      const qat::QuantizedWeight& packed = layer->packed_weight();
      std::vector<float> found(static_cast<size_t>(kIn * kOut));
      qat::dequantize_weight(packed, found.data());
      for (size_t i = 0; i < found.size(); ++i) CHECK_NEAR(found[i], expected[i], 1e-5);
      // ŵ of training: the outputs for unit inputs, less the bias.
      std::vector<float> unit(static_cast<size_t>(kIn * kIn)), y(static_cast<size_t>(kIn * kOut));
      for (int64_t i = 0; i < kIn; ++i) unit[static_cast<size_t>(i * kIn + i)] = 1;
      layer->forward(unit.data(), kIn, y.data());
      for (int64_t r = 0; r < kOut; ++r) {
        for (int64_t c = 0; c < kIn; ++c) {
          CHECK_EQ(y[static_cast<size_t>(c * kOut + r)], found[static_cast<size_t>(r * kIn + c)]);
        }
      }
    }
  }
}

TEST(user_quantizer_parameter_gradients_are_those_of_finite_differences) {
  for (const Granularity granularity : kAll) {
    auto layer = prepared(user_options(granularity));
    const int64_t batch = 3;
    const std::vector<float> x = random_values(batch * kIn, 7), dy = random_values(batch * kOut, 8);
    std::vector<float> y(dy.size()), dx(x.size());
    layer->train();
    layer->forward(x.data(), batch, y.data());
    const qat::LayerGradients g = layer->backward(dy.data(), dx.data());
    const qat::ScaleLayout layout = layer->scale_layout();
    const std::vector<float> ds(g.dscale_weight, g.dscale_weight + layout.count());
    const std::vector<float> dp(g.dparameters_weight, g.dparameters_weight + layout.count());
    const qat::QuantizedWeight packed = layer->packed_weight();
    const std::vector<uint8_t> codes = qat::unpack_codes(packed.packed.data(), kOut, kIn, 3);
    const qat::Scales at = layer->scales();
    // Loss Σ dy·y with the codes held, in double.
    const auto loss = [&](int64_t moved, double by_scale, double by_ratio) {
      double sum = 0;
      for (int64_t r = 0; r < kOut; ++r) {
        for (int64_t c = 0; c < kIn; ++c) {
          const int64_t index = scale_of(layout, r, c);
          const auto i = static_cast<size_t>(index);
          const double level = formula_levels(
              static_cast<double>(at.scales[i]) + (index == moved ? by_scale : 0),
              static_cast<double>(at.parameters[i]) + (index == moved ? by_ratio : 0),
              3)[codes[static_cast<size_t>(r * kIn + c)]];
          for (int64_t b = 0; b < batch; ++b) {
            sum += level * static_cast<double>(x[static_cast<size_t>(b * kIn + c)]) *
                   static_cast<double>(dy[static_cast<size_t>(b * kOut + r)]);
          }
        }
      }
      return sum;
    };
    for (int64_t i = 0; i < layout.count(); ++i) {
      const double h = 1e-4, root = std::sqrt(static_cast<double>(layout.elements_of(i)));
      const double by_scale = (loss(i, h, 0) - loss(i, -h, 0)) / (2 * h) / root;
      const double by_ratio = (loss(i, 0, h) - loss(i, 0, -h)) / (2 * h) / root;
      CHECK_NEAR(ds[static_cast<size_t>(i)], by_scale, 1e-4 * (1 + std::fabs(by_scale)));
      CHECK_NEAR(dp[static_cast<size_t>(i)], by_ratio, 1e-4 * (1 + std::fabs(by_ratio)));
    }
  }
}

TEST(user_quantizer_packed_inference_equals_its_definition_without_the_library) {
  for (const Granularity granularity : kAll) {
    for (const int a_bit : {32, 4}) {
      auto trained = prepared(user_options(granularity, 3, a_bit));
      const qat::QuantizedWeight packed = trained->packed_weight();
      qat::LinearOptions options = user_options(granularity, 3, a_bit);
      options.weight.quantizer.user = nullptr;
      auto layer = qat::make_linear(options);
      qat::QuantizedWeight stored = packed;
      stored.config.user = nullptr;
      stored.scales.parameters.clear();
      layer->set_quantized_weight_data(stored);
      if (a_bit != 32) layer->set_activation_state(trained->activation_state());
      const int64_t batch = 21;
      const std::vector<float> x = random_values(batch * kIn, 12);
      std::vector<float> w(static_cast<size_t>(kIn * kOut)), y(static_cast<size_t>(batch * kOut));
      qat::dequantize_weight(packed, w.data());
      layer->eval();
      layer->forward(x.data(), batch, y.data());
      const double s = static_cast<double>(layer->activation_scale());
      for (int64_t b = 0; b < batch; ++b) {
        for (int64_t r = 0; r < kOut; ++r) {
          double sum = 0;
          for (int64_t c = 0; c < kIn; ++c) {
            double value = static_cast<double>(x[static_cast<size_t>(b * kIn + c)]);
            if (a_bit != 32) value = s * std::clamp(std::nearbyint(value / s), -8.0, 7.0);
            sum += value * static_cast<double>(w[static_cast<size_t>(r * kIn + c)]);
          }
          CHECK_NEAR(y[static_cast<size_t>(b * kOut + r)], sum, 2e-5 * (1 + std::fabs(sum)));
        }
      }
      CHECK_THROWS(layer->set_weight_data(w.data(), w.size()); layer->prepare_params(),
                   "E-QUANTIZER-LIBRARY");
    }
  }
}

TEST(user_quantizer_trains_to_the_same_bits_on_threads_and_after_resume) {
  const auto data = clusters(96, 16, 4, 1);
  for (const Granularity granularity : kAll) {
    std::vector<qat::NetworkNode> nodes = mixed_nodes();
    use_library(&geometric(), 3, granularity, &nodes[0].linear);
    use_library(&geometric(), 4, granularity, &nodes[3].linear);
    check_same_bits_on_threads_and_after_resume(nodes, data);
  }
}

TEST(user_quantizer_parameters_are_learned_and_stay_at_their_least) {
  const auto data = clusters(96, 16, 4, 1);
  std::vector<qat::NetworkNode> nodes = {linear_node("only", linear_options(16, 4, 4, 32))};
  use_library(&geometric(), 3, Granularity::kChannel, &nodes[0].linear);
  auto network = prepared_network(nodes, *data);
  const qat::Scales before = network->scales("only").weight;
  qat::SessionOptions options = short_training();
  options.learning_rate = 0.3;  // far enough to meet the bound
  qat::TrainingSession session(network, data, data, options);
  session.start();
  CHECK(run_to_end(session).last.state == qat::SessionState::kFinished);
  const qat::Scales after = network->scales("only").weight;
  CHECK(before.scales != after.scales);
  CHECK(before.parameters != after.parameters);
  for (const float ratio : after.parameters) CHECK_IN(ratio >= 0.25f, ratio);
  for (size_t i = 0; i < after.scales.size(); ++i) CHECK_EQ(after.levels[i * 8], after.scales[i]);
}

TEST(user_quantizer_is_measured_like_any_other) {
  const int64_t rows = 5, cols = 1300;
  const std::vector<float> w = random_values(rows * cols, 4);
  qat::AnalyzeOptions options;
  options.config.grid = Grid::kUser;
  options.config.user = &geometric();
  options.config.bits = 4;
  const qat::Analysis analysis = qat::analyze(w.data(), rows, cols, options);
  const qat::WhatIf shown = qat::what_if(w.data(), rows, cols, options);
  const qat::Scales scales = qat::estimate_scales(w.data(), rows, cols, options.config);
  const auto layout = qat::scale_layout(options.config, rows, cols);
  const std::vector<double> nearest = nearest_levels(layout, scales, w.data(), 4);
  double e2 = 0, x2 = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double x = static_cast<double>(w[i]);
    e2 += (x - nearest[i]) * (x - nearest[i]);
    x2 += x * x;
  }
  const double sqnr_db = 10 * std::log10(x2 / e2);
  CHECK_NEAR(shown.error.sqnr_db, sqnr_db, 1e-4);
  CHECK_NEAR(analysis.by_bits[3].sqnr_db, sqnr_db, 1e-4);
  CHECK_EQ(analysis.by_bits.size(), size_t{8});
  CHECK_EQ(shown.levels.values.size(), size_t{16});
  CHECK(std::is_sorted(shown.levels.values.begin(), shown.levels.values.end()));
  int64_t codes = 0, binned = 0;
  for (const int64_t count : shown.code_counts) codes += count;
  for (const int64_t count : shown.quantized_counts) binned += count;
  CHECK_EQ(codes, rows * cols);
  CHECK_EQ(binned, rows * cols);
  // 4 bits a weight, and a scale and 16 levels a row.
  CHECK_EQ(shown.error.packed_bytes, rows * (cols / 2 + 68));
}

TEST(user_quantizer_is_refused_where_it_cannot_be) {
  qat::LinearOptions options = user_options(Granularity::kChannel, 1);
  CHECK_THROWS(qat::make_linear(options), "E-QUANTIZER-INVALID");  // exists at 2 bits and more
  options = user_options(Granularity::kChannel);
  options.weight.method = Method::kLsq;
  CHECK_THROWS(qat::make_linear(options), "E-QUANTIZER-INVALID");
  options = user_options(Granularity::kChannel, 3, 4);
  options.activation.method = Method::kUser;
  CHECK_THROWS(qat::make_linear(options), "E-QUANTIZER-INVALID");
  options = user_options(Granularity::kChannel);
  const qat::ScaleLayout layout = qat::scale_layout(options.weight.quantizer, 2, 2);
  CHECK_THROWS(qat::quant_params(options.weight.quantizer, layout, {}), "E-QUANTIZER-INVALID");
  auto layer = prepared(options);
  qat::Scales scales = layer->scales();
  scales.parameters[0] = 0.1f;
  CHECK_THROWS(layer->set_scales(scales), "E-NATIVE-ARGUMENT");
}
