// Packed inference against the fake-quantized float arithmetic, for every kind of quantizer.
#include <algorithm>
#include <cmath>

#include "nn/packed_matmul.h"
#include "nn_test_util.h"

namespace {

using namespace nn_test;

// Largest difference of packed and fake-quantized outputs over the largest output.
double packed_difference(const qat::LinearOptions& options, int64_t batch) {
  const auto layer = qat::make_linear(options);
  layer->reset_parameters(3);
  std::vector<float> x = random_values(batch * options.in_channels, 5);
  if (!options.activation.is_signed) {
    for (float& v : x) v = std::max(v, 0.0f);
  }
  layer->prepare_params(x.data(), batch);
  const auto n = static_cast<size_t>(batch * options.out_channels);
  std::vector<float> fake(n), packed(n, 1e30f);
  layer->forward(x.data(), batch, fake.data());
  layer->generate_quantized_weight(true);
  layer->forward(x.data(), batch, packed.data());
  double largest = 1e-30, difference = 0;
  for (size_t i = 0; i < n; ++i) {
    largest = std::max(largest, double(std::fabs(fake[i])));
    difference = std::max(difference, double(std::fabs(fake[i] - packed[i])));
  }
  return difference / largest;
}

void check_all_grids(qat::LinearOptions options, int64_t batch) {
  using qat::Grid;
  const int bits = options.weight.quantizer.bits;
  std::vector<Grid> grids = {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned, Grid::kMidrise};
  if (bits == 1) grids = {Grid::kBinary};
  if (bits == 2) grids.push_back(Grid::kTernary);
  for (const Grid grid : grids) {
    options.weight.quantizer.grid = grid;
    for (const auto granularity :
         {qat::Granularity::kTensor, qat::Granularity::kChannel, qat::Granularity::kGroup}) {
      options.weight.quantizer.granularity = granularity;
      for (const bool is_signed : {true, false}) {
        options.activation.is_signed = is_signed;
        const double difference = packed_difference(options, batch);
        CHECK_IN(difference < 1e-5, "W" << bits << "A" << options.activation.bits << " grid "
                                        << int(grid) << " granularity " << int(granularity)
                                        << " signed " << is_signed << " in "
                                        << options.in_channels << ": " << difference);
      }
    }
  }
}

TEST(nn_packed_inference_equals_fake_quant) {
  for (const int w_bit : {1, 2, 3, 4, 5, 6, 7, 8}) {
    for (const int a_bit : {1, 2, 4, 8, 32}) {
      for (const int64_t in : {1, 37, 128}) {
        qat::LinearOptions options = linear_options(in, 5, w_bit, a_bit);
        options.weight.quantizer.group_size = 16;
        check_all_grids(options, 19);
      }
    }
  }
}

TEST(nn_packed_inference_with_groups_off_byte_borders) {
  for (const int w_bit : {1, 3, 5}) {
    for (const int a_bit : {1, 4, 32}) {
      qat::LinearOptions options = linear_options(50, 4, w_bit, a_bit);
      options.weight.quantizer.group_size = 7;
      check_all_grids(options, 3);
    }
  }
}

// 8×8 bits over 40 000 columns would leave int32 in one dot product.
TEST(nn_packed_inference_of_very_long_rows_does_not_overflow) {
  const int64_t in = 40000;
  qat::LinearOptions options = linear_options(in, 1, 8, 8);
  options.activation.is_signed = false;
  options.weight.quantizer.grid = qat::Grid::kUnsigned;
  const auto layer = qat::make_linear(options);
  const std::vector<float> ones(static_cast<size_t>(in), 1.0f);
  layer->set_weight_data(ones.data(), ones.size());
  layer->set_scales({{1.0f / 255}, {0}});
  layer->set_activation_scale(1.0f / 255);
  layer->eval();
  float y = 0;
  layer->forward(ones.data(), 1, &y);
  CHECK_NEAR(y, 40000.0, 0.05);
}

// ±1 products by XNOR must be the exact integer that the float sum is.
TEST(nn_xnor_equals_float_signs_exactly) {
  for (const int64_t in : {1, 8, 63, 64, 65, 1000}) {
    qat::LinearOptions options = linear_options(in, 7, 1, 1);
    options.bias = false;
    options.weight.quantizer.granularity = qat::Granularity::kTensor;
    const auto layer = qat::make_linear(options);
    const std::vector<float> w = random_values(in * 7, 6), x = random_values(in * 4, 7);
    layer->set_weight_data(w.data(), w.size());
    layer->set_scales({{1.0f}, {}});
    layer->set_activation_scale(1.0f);
    layer->eval();
    std::vector<float> y(4 * 7);
    layer->forward(x.data(), 4, y.data());
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t o = 0; o < 7; ++o) {
        int64_t dot = 0;
        for (int64_t c = 0; c < in; ++c) {
          const bool same = (x[static_cast<size_t>(i * in + c)] >= 0) ==
                            (w[static_cast<size_t>(o * in + c)] >= 0);
          dot += same ? 1 : -1;
        }
        CHECK_EQ(y[static_cast<size_t>(i * 7 + o)], static_cast<float>(dot));
      }
    }
  }
}

// Row sums that are made once for all samples must be those that each sample would make for itself, and
// codes c² kept with the weight those that are made on the way.
TEST(nn_shifted_inputs_and_two_level_weights_give_the_same_bits_for_any_batch) {
  for (const bool two_levels : {false, true}) {
    qat::LinearOptions options = linear_options(40, 7, two_levels ? 2 : 4, 4);
    options.activation.method = qat::Method::kLsqPlus;
    options.activation.is_signed = false;
    options.weight.quantizer.granularity = qat::Granularity::kGroup;
    if (two_levels) {
      options.weight.quantizer.grid = qat::Grid::kTernary;
      options.weight.quantizer.range = qat::RangeEstimator::kTtq;
      options.weight.method = qat::Method::kTtq;
    }
    const auto layer = qat::make_linear(options);
    layer->reset_parameters(3);
    const auto x = random_values(33 * 40, 5);
    layer->prepare_params(x.data(), 33);
    CHECK(layer->activation_state().shift != 0);
    qat::QuantizedWeight weight = layer->packed_weight();
    CHECK_EQ(weight.squares.empty(), !two_levels);
    std::vector<float> all(33 * 7), again(all.size()), one(7);
    qat::packed_matmul(x.data(), 33, weight, layer->activation(), layer->bias(), all.data());
    weight.squares.clear();
    qat::packed_matmul(x.data(), 33, weight, layer->activation(), layer->bias(), again.data());
    CHECK(again == all);
    for (size_t i = 0; i < 33; ++i) {
      qat::packed_matmul(x.data() + 40 * i, 1, weight, layer->activation(), layer->bias(),
                         one.data());
      CHECK(std::equal(one.begin(), one.end(), all.begin() + static_cast<int64_t>(7 * i)));
    }
  }
}

// The training forward may go by integer codes: it must be the product of the fake-quantized input and weight all
// the same, and follow every update of the weight.
TEST(nn_training_forward_is_the_product_of_fake_quantized_values) {
  using qat::Grid;
  const int64_t batch = 9, in = 75, out = 66;
  for (const int w_bit : {1, 2, 3, 4, 5, 8}) {
    std::vector<Grid> grids = {Grid::kSigned, Grid::kUnsigned, Grid::kMidrise};
    if (w_bit == 1) grids = {Grid::kBinary};
    if (w_bit == 2) grids.push_back(Grid::kTernary);
    for (const int a_bit : {1, 3, 4, 8}) {
      for (const Grid grid : grids) {
        for (const auto granularity : {qat::Granularity::kTensor, qat::Granularity::kChannel, qat::Granularity::kGroup}) {
          qat::LinearOptions options = linear_options(in, out, w_bit, a_bit);
          options.weight.quantizer.grid = grid;
          options.weight.quantizer.granularity = granularity;
          const auto layer = qat::make_linear(options);
          layer->reset_parameters(4);
          const std::vector<float> x = random_values(batch * in, 6);
          layer->prepare_params(x.data(), batch);
          std::vector<float> y(static_cast<size_t>(batch * out)), wq(static_cast<size_t>(out * in)), xq(x.size());
          for (int update = 0; update < 2; ++update) {
            if (update) {
              float* w = layer->mutable_weight();
              for (int64_t i = 0; i < out * in; ++i) w[i] = -0.7f * w[i];
              layer->after_update();
            }
            layer->forward(x.data(), batch, y.data());
            qat::dequantize_weight(layer->packed_weight(), wq.data());
            layer->activation().fake_quantize(x.data(), xq.data(), batch, in);
            for (int64_t i = 0; i < batch; ++i) {
              for (int64_t o = 0; o < out; ++o) {
                double sum = layer->bias()[o], size = std::fabs(sum);
                for (int64_t c = 0; c < in; ++c) {
                  const double part = static_cast<double>(xq[static_cast<size_t>(i * in + c)]) * wq[static_cast<size_t>(o * in + c)];
                  sum += part;
                  size += std::fabs(part);
                }
                const double got = y[static_cast<size_t>(i * out + o)];
                CHECK_IN(std::fabs(got - sum) <= 2e-6 * size, "W" << w_bit << "A" << a_bit << " grid " << int(grid) << " granularity " << int(granularity) << " update " << update << ": " << got << " not " << sum);
              }
            }
          }
        }
      }
    }
  }
}

TEST(nn_packed_network_logits_equal_fake_quant) {
  const auto data = clusters(300, 16, 4, 1);
  const auto network = prepared_network(mixed_nodes(), *data);
  const auto fake = network->logits(*data, qat::EvaluationMode::kFakeQuant);
  const auto packed = network->logits(*data, qat::EvaluationMode::kPacked);
  double largest = 0, total = 0;
  for (size_t i = 0; i < fake.size(); ++i) {
    largest = std::max(largest, double(std::fabs(fake[i])));
    total += std::fabs(fake[i] - packed[i]);
  }
  // A last-bit difference may move an activation code of a later layer: bound the mean, not each.
  CHECK_IN(total / static_cast<double>(fake.size()) < 1e-3 * largest, total);
  const auto a = network->evaluate(*data, qat::EvaluationMode::kFakeQuant);
  const auto b = network->evaluate(*data, qat::EvaluationMode::kPacked);
  CHECK_EQ(a.count, 300);
  CHECK_NEAR(a.loss, b.loss, 1e-3);
  CHECK_NEAR(a.accuracy, b.accuracy, 0.01);
}

// What an export proof does: packed weights into a fresh network, same logits to the bit.
TEST(nn_packed_weights_move_to_another_network) {
  const auto data = clusters(100, 16, 4, 2);
  const auto network = prepared_network(mixed_nodes(), *data);
  qat::Network other(mixed_nodes());
  for (const char* name : {"first", "middle", "last"}) {
    other.set_quantized_weight(name, network->quantized_weight(name));
    std::vector<float> bias(name == std::string("last") ? 4 : 12);
    network->get_parameter(std::string(name) + ".bias", bias.data(), bias.size());
    other.set_parameter(std::string(name) + ".bias", bias.data(), bias.size());
    const qat::LayerScales scales = network->scales(name);
    other.set_scales(name, scales.weight, scales.activation);
  }
  for (const char* name : {".gamma", ".beta", ".runningMean", ".runningVar"}) {
    std::vector<float> values(12);
    network->get_parameter(std::string("norm") + name, values.data(), values.size());
    other.set_parameter(std::string("norm") + name, values.data(), values.size());
  }
  CHECK(other.logits(*data, qat::EvaluationMode::kPacked) ==
        network->logits(*data, qat::EvaluationMode::kPacked));
  CHECK_THROWS(other.logits(*data, qat::EvaluationMode::kFakeQuant), "E-LAYER-STATE");
}

}  // namespace
