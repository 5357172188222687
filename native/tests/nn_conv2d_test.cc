// Convolution against its definition, packed against fake-quantized, and its shapes.
#include <cmath>
#include <vector>

#include "nn/n_bit_layer.h"
#include "nn_test_util.h"
#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;

qat::Conv2dOptions conv_options(const qat::Conv2dShape& shape, int w_bit, int a_bit) {
  qat::Conv2dOptions o;
  o.shape = shape;
  o.bias = true;
  o.weight.quantizer.bits = w_bit;
  if (w_bit == 1) o.weight.quantizer.grid = qat::Grid::kBinary;
  o.activation.bits = a_bit;
  return o;
}

qat::Conv2dShape shape_of(int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                          int64_t groups) {
  qat::Conv2dShape s;
  s.in_channels = 4;
  s.out_channels = 6;
  s.height = 9;
  s.width = 7;
  s.kernel_height = kernel;
  s.kernel_width = kernel;
  s.stride = stride;
  s.padding = padding;
  s.dilation = dilation;
  s.groups = groups;
  return s;
}

// Straight from the definition, in double; x at [n, c, y, x] is 0 outside the image.
std::vector<double> plain_conv(const qat::Conv2dShape& s, int64_t batch, const std::vector<float>& x,
                               const std::vector<float>& w, const std::vector<float>& b) {
  std::vector<double> y;
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t o = 0; o < s.out_channels; ++o) {
      const int64_t group = o / s.group_out();
      for (int64_t oy = 0; oy < s.out_height(); ++oy) {
        for (int64_t ox = 0; ox < s.out_width(); ++ox) {
          double sum = b[static_cast<size_t>(o)];
          for (int64_t c = 0; c < s.group_in(); ++c) {
            for (int64_t ky = 0; ky < s.kernel_height; ++ky) {
              for (int64_t kx = 0; kx < s.kernel_width; ++kx) {
                const int64_t iy = oy * s.stride + ky * s.dilation - s.padding;
                const int64_t ix = ox * s.stride + kx * s.dilation - s.padding;
                if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
                const int64_t channel = n * s.in_channels + group * s.group_in() + c;
                const int64_t tap = ((o * s.group_in() + c) * s.kernel_height + ky) * s.kernel_width + kx;
                sum += static_cast<double>(w[static_cast<size_t>(tap)]) *
                       x[static_cast<size_t>((channel * s.height + iy) * s.width + ix)];
              }
            }
          }
          y.push_back(sum);
        }
      }
    }
  }
  return y;
}

const qat::Conv2dShape kShapes[] = {shape_of(3, 1, 1, 1, 1), shape_of(3, 2, 0, 1, 2),
                                    shape_of(2, 1, 2, 2, 1), shape_of(1, 1, 0, 1, 1),
                                    shape_of(3, 3, 1, 2, 2)};

}  // namespace

TEST(nn_conv2d_is_its_definition) {
  for (const qat::Conv2dShape& shape : kShapes) {
    const auto layer = qat::make_conv2d(conv_options(shape, 32, 32));
    const int64_t batch = 3;
    const auto w = random_values(layer->weight_count(), 1), b = random_values(layer->rows(), 2);
    const auto x = random_values(batch * layer->input_size(), 3);
    layer->set_weight_data(w.data(), w.size());
    layer->set_bias_data(b.data(), b.size());
    std::vector<float> y(static_cast<size_t>(batch * layer->output_size()));
    layer->forward(x.data(), batch, y.data());
    const auto wanted = plain_conv(shape, batch, x, w, b);
    CHECK_EQ(wanted.size(), y.size());
    for (size_t i = 0; i < y.size(); ++i) CHECK_NEAR(y[i], wanted[i], 1e-4);
  }
}

// The convolution is linear in x, w and b: <dy, conv(x + e)> − <dy, conv(x)> is exactly <dx, e>.
TEST(nn_conv2d_gradients_are_its_adjoints) {
  for (const qat::Conv2dShape& shape : kShapes) {
    const auto layer = qat::make_conv2d(conv_options(shape, 32, 32));
    const int64_t batch = 11;  // shares of the weight gradient: eight, of two samples and fewer
    const auto w = random_values(layer->weight_count(), 1), b = random_values(layer->rows(), 2);
    const auto x = random_values(batch * layer->input_size(), 3);
    const auto dy = random_values(batch * layer->output_size(), 4);
    layer->set_weight_data(w.data(), w.size());
    layer->set_bias_data(b.data(), b.size());
    std::vector<float> y(dy.size()), dx(x.size());
    layer->forward(x.data(), batch, y.data());
    const qat::LayerGradients g = layer->backward(dy.data(), dx.data());
    const auto inner = [&](const std::vector<double>& out) {
      double sum = 0;
      for (size_t i = 0; i < out.size(); ++i) sum += out[i] * dy[i];
      return sum;
    };
    const std::vector<float> no_bias(b.size(), 0.0f);
    for (size_t i = 0; i < x.size(); i += 37) {
      std::vector<float> e(x.size(), 0.0f);
      e[i] = 1;
      CHECK_NEAR(dx[i], inner(plain_conv(shape, batch, e, w, no_bias)), 1e-3);
    }
    for (size_t i = 0; i < w.size(); i += 5) {
      std::vector<float> e(w.size(), 0.0f);
      e[i] = 1;
      CHECK_NEAR(g.dweight[i], inner(plain_conv(shape, batch, x, e, no_bias)), 2e-3);
    }
    for (size_t i = 0; i < b.size(); ++i) {
      std::vector<float> e(b.size(), 0.0f);
      e[i] = 1;
      CHECK_NEAR(g.dbias[i], inner(plain_conv(shape, batch, x, std::vector<float>(w.size()), e)), 1e-3);
    }
  }
}

TEST(nn_conv2d_packed_inference_equals_fake_quant) {
  for (const qat::Conv2dShape& shape : kShapes) {
    for (const int w_bit : {1, 2, 3, 4, 8}) {
      for (const int a_bit : {1, 3, 8, 32}) {
        for (const bool is_signed : {true, false}) {
          qat::Conv2dOptions options = conv_options(shape, w_bit, a_bit);
          options.activation.is_signed = is_signed;
          const auto layer = qat::make_conv2d(options);
          const int64_t batch = 2;
          const auto x = random_values(batch * layer->input_size(), 3);
          layer->reset_parameters(7);
          layer->prepare_params(x.data(), batch);
          std::vector<float> trained(static_cast<size_t>(batch * layer->output_size()));
          std::vector<float> packed(trained.size());
          layer->forward(x.data(), batch, trained.data());
          layer->eval();
          layer->forward(x.data(), batch, packed.data());
          for (size_t i = 0; i < packed.size(); ++i) CHECK_NEAR(packed[i], trained[i], 2e-5);
        }
      }
    }
  }
}

TEST(nn_conv2d_gives_the_same_bits_on_any_number_of_threads) {
  const int before = qat::thread_count();
  const auto run = [](int threads) {
    qat::set_threads(threads);
    const auto layer = qat::make_conv2d(conv_options(shape_of(3, 1, 1, 1, 1), 4, 4));
    const int64_t batch = 19;
    const auto x = random_values(batch * layer->input_size(), 3);
    const auto dy = random_values(batch * layer->output_size(), 4);
    layer->reset_parameters(7);
    layer->prepare_params(x.data(), batch);
    std::vector<float> y(dy.size()), dx(x.size());
    layer->forward(x.data(), batch, y.data());
    const qat::LayerGradients g = layer->backward(dy.data(), dx.data());
    y.insert(y.end(), dx.begin(), dx.end());
    y.insert(y.end(), g.dweight, g.dweight + layer->weight_count());
    y.insert(y.end(), g.dbias, g.dbias + layer->rows());
    y.push_back(*layer->activation().gradient(qat::ActivationQuantizer::Learned::kScale));
    return y;
  };
  const auto one = run(1);
  for (const int threads : {2, 3, 5}) CHECK(run(threads) == one);
  qat::set_threads(before);
}

TEST(nn_conv2d_refuses_shapes_that_cannot_be) {
  const auto refused = [](const qat::Conv2dShape& shape) {
    try {
      qat::make_conv2d(conv_options(shape, 4, 4));
    } catch (const qat::Error& error) {
      return error.code() == "E-NATIVE-ARGUMENT" && !error.remedy().empty();
    }
    return false;
  };
  CHECK(!refused(shape_of(7, 1, 0, 1, 1)));
  CHECK(refused(shape_of(8, 1, 0, 1, 1)));   // wider than the image
  CHECK(refused(shape_of(3, 1, 0, 4, 1)));   // so is its dilated form
  CHECK(refused(shape_of(3, 1, 1, 1, 4)));   // 4 groups do not divide 6 outputs
  CHECK(refused(shape_of(3, 0, 1, 1, 1)));
  CHECK(refused(shape_of(3, 1, -1, 1, 1)));
  qat::Conv2dShape huge = shape_of(3, 1, 1, 1, 1);
  huge.height = huge.width = qat::Conv2dShape().padding + (int64_t{1} << 24);
  CHECK(refused(huge));
}
