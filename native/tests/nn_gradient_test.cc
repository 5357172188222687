// Every analytic gradient against central differences of an independent double implementation.
#include <algorithm>
#include <cmath>

#include "nn/batch_norm.h"
#include "nn/losses.h"
#include "nn_test_util.h"

namespace {

using namespace nn_test;

// The straight-through surrogate: rounding noise and clipping are those of the base point, so that
// the function is smooth and its derivative is the one LSQ defines.
struct Surrogate {
  double noise = 0;    // round(v/s) − v/s at the base point
  double clipped = 0;  // the code when it was clipped
  bool inside = true;

  Surrogate(double v, double s, int qmin, int qmax) {
    const double code = std::nearbyint(static_cast<float>(v) / static_cast<float>(s));
    inside = code >= qmin && code <= qmax;
    clipped = std::clamp(code, double(qmin), double(qmax));
    noise = code - v / s;
  }
  double operator()(double v, double s) const { return inside ? s * (v / s + noise) : s * clipped; }
};

struct Layer {
  int64_t batch = 5, in = 12, out = 6;
  int w_bit, a_bit;
  qat::Granularity granularity;
  std::vector<double> x, w, b, dy, sw;
  double sa = 0.21;
  std::vector<Surrogate> fx, fw;
  int w_qmin, w_qmax, a_qmin, a_qmax;

  size_t scale_of(int64_t row, int64_t col) const {
    if (granularity == qat::Granularity::kTensor) return 0;
    if (granularity == qat::Granularity::kChannel) return static_cast<size_t>(row);
    return static_cast<size_t>(row * 2 + col / 8);  // groups of 8 and 4 columns
  }
  int64_t elements_of(size_t scale) const {
    if (granularity == qat::Granularity::kTensor) return in * out;
    if (granularity == qat::Granularity::kChannel) return in;
    return scale % 2 == 0 ? 8 : 4;
  }
  double loss() const {
    double sum = 0;
    for (int64_t i = 0; i < batch; ++i) {
      for (int64_t o = 0; o < out; ++o) {
        double y = b[static_cast<size_t>(o)];
        for (int64_t c = 0; c < in; ++c) {
          const auto xi = static_cast<size_t>(i * in + c);
          const auto wi = static_cast<size_t>(o * in + c);
          const double xq = a_bit == 32 ? x[xi] : fx[xi](x[xi], sa);
          const double wq = w_bit == 32 ? w[wi] : fw[wi](w[wi], sw[scale_of(o, c)]);
          y += xq * wq;
        }
        sum += y * dy[static_cast<size_t>(i * out + o)];
      }
    }
    return sum;
  }
  double derivative(double& variable) {
    const double h = 1e-4, kept = variable;
    variable = kept + h;
    const double up = loss();
    variable = kept - h;
    const double down = loss();
    variable = kept;
    return (up - down) / (2 * h);
  }
};

Layer make_layer(int w_bit, int a_bit, bool a_signed, qat::Granularity granularity) {
  Layer l;
  l.w_bit = w_bit;
  l.a_bit = a_bit;
  l.granularity = granularity;
  const auto widen = [](const std::vector<float>& v) { return std::vector<double>(v.begin(), v.end()); };
  l.x = widen(random_values(l.batch * l.in, 1, 1.5));
  l.w = widen(random_values(l.in * l.out, 2, 0.5));
  l.b = widen(random_values(l.out, 3));
  l.dy = widen(random_values(l.batch * l.out, 4));
  l.w_qmin = -(1 << (w_bit % 32) >> 1);
  l.w_qmax = (1 << (w_bit % 32) >> 1) - 1;
  l.a_qmin = a_signed ? -(1 << (a_bit % 32) >> 1) : 0;
  l.a_qmax = a_signed ? (1 << (a_bit % 32) >> 1) - 1 : (1 << (a_bit % 32)) - 1;
  l.sa = static_cast<double>(0.21f);
  const size_t scales = granularity == qat::Granularity::kTensor    ? 1
                        : granularity == qat::Granularity::kChannel ? 6
                                                                    : 12;
  for (size_t i = 0; i < scales; ++i) l.sw.push_back(static_cast<double>(0.11f + 0.01f * float(i)));
  if (a_bit != 32) {
    for (const double v : l.x) l.fx.emplace_back(v, l.sa, l.a_qmin, l.a_qmax);
  }
  if (w_bit != 32) {
    for (int64_t o = 0; o < l.out; ++o) {
      for (int64_t c = 0; c < l.in; ++c) {
        l.fw.emplace_back(l.w[static_cast<size_t>(o * l.in + c)], l.sw[l.scale_of(o, c)], l.w_qmin,
                          l.w_qmax);
      }
    }
  }
  return l;
}

std::vector<float> narrow(const std::vector<double>& v) { return {v.begin(), v.end()}; }

void check_layer(int w_bit, int a_bit, bool a_signed, qat::Granularity granularity) {
  Layer l = make_layer(w_bit, a_bit, a_signed, granularity);
  qat::LinearOptions options = linear_options(l.in, l.out, w_bit, a_bit);
  options.weight.quantizer.granularity = granularity;
  options.activation.is_signed = a_signed;
  const auto layer = qat::make_linear(options);
  const auto w = narrow(l.w), b = narrow(l.b), x = narrow(l.x), dy = narrow(l.dy);
  layer->set_weight_data(w.data(), w.size());
  layer->set_bias_data(b.data(), b.size());
  if (w_bit != 32) layer->set_scales({narrow(l.sw), {}});
  if (a_bit != 32) layer->set_activation_scale(0.21f);
  std::vector<float> y(static_cast<size_t>(l.batch * l.out)), dx(l.x.size());
  layer->forward(x.data(), l.batch, y.data());
  const qat::LayerGradients g = layer->backward(dy.data(), dx.data());

  const double tolerance = 2e-4;
  for (size_t i = 0; i < l.x.size(); ++i) CHECK_NEAR(dx[i], l.derivative(l.x[i]), tolerance);
  for (size_t i = 0; i < l.w.size(); ++i) CHECK_NEAR(g.dweight[i], l.derivative(l.w[i]), tolerance);
  for (size_t i = 0; i < l.b.size(); ++i) CHECK_NEAR(g.dbias[i], l.derivative(l.b[i]), tolerance);
  CHECK_EQ(g.scale_count, w_bit == 32 ? 0 : static_cast<int64_t>(l.sw.size()));
  for (size_t i = 0; i < l.sw.size() && w_bit != 32; ++i) {
    const double scale = std::sqrt(static_cast<double>(l.elements_of(i)) * l.w_qmax);
    CHECK_NEAR(g.dscale_weight[i] * scale, l.derivative(l.sw[i]), 2e-3);
  }
  CHECK_EQ(layer->activation().learned().size(), size_t{a_bit != 32});
  if (a_bit != 32) {
    const double scale = std::sqrt(static_cast<double>(l.in) * l.a_qmax);
    const float* dscale = layer->activation().gradient(qat::ActivationQuantizer::Learned::kScale);
    CHECK_NEAR(*dscale * scale, l.derivative(l.sa), 2e-3);
  }
}

TEST(nn_gradients_of_float_linear) {
  check_layer(32, 32, true, qat::Granularity::kTensor);
}

TEST(nn_gradients_of_lsq_linear_with_clip_terms) {
  for (const auto granularity :
       {qat::Granularity::kTensor, qat::Granularity::kChannel, qat::Granularity::kGroup}) {
    check_layer(4, 4, true, granularity);
    check_layer(2, 3, false, granularity);
    check_layer(8, 8, true, granularity);
    check_layer(3, 32, true, granularity);
  }
  check_layer(32, 4, true, qat::Granularity::kTensor);
}

// One training-mode batch norm in double; → Σ dy·y.
double norm_loss(const std::vector<double>& x, const std::vector<double>& gamma,
                 const std::vector<double>& beta, const std::vector<double>& dy, int64_t rows,
                 int64_t features, int64_t inner) {
  double sum = 0;
  const auto at = [&](int64_t r, int64_t f, int64_t i) {
    return static_cast<size_t>((r * features + f) * inner + i);
  };
  for (int64_t f = 0; f < features; ++f) {
    double mean = 0, var = 0;
    const double n = static_cast<double>(rows * inner);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < inner; ++i) mean += x[at(r, f, i)] / n;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < inner; ++i) var += std::pow(x[at(r, f, i)] - mean, 2) / n;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < inner; ++i)
        sum += dy[at(r, f, i)] * ((x[at(r, f, i)] - mean) / std::sqrt(var + 1e-5) *
                                      gamma[static_cast<size_t>(f)] +
                                  beta[static_cast<size_t>(f)]);
  }
  return sum;
}

void check_norm(int64_t rows, int64_t features, int64_t inner) {
  const auto widen = [](const std::vector<float>& v) { return std::vector<double>(v.begin(), v.end()); };
  const int64_t n = rows * features * inner;
  std::vector<double> x = widen(random_values(n, 7)), dy = widen(random_values(n, 8));
  std::vector<double> gamma = widen(random_values(features, 9)),
                      beta = widen(random_values(features, 10));
  qat::BatchNorm norm(features, inner);
  norm.gamma.assign(gamma.begin(), gamma.end());
  norm.beta.assign(beta.begin(), beta.end());
  const auto xf = narrow(x), dyf = narrow(dy);
  std::vector<float> y(xf.size()), dx(xf.size());
  norm.forward_training(xf.data(), y.data(), rows);
  norm.backward(dyf.data(), dx.data());
  const auto derivative = [&](double& v) {
    const double h = 1e-5, kept = v;
    v = kept + h;
    const double up = norm_loss(x, gamma, beta, dy, rows, features, inner);
    v = kept - h;
    const double down = norm_loss(x, gamma, beta, dy, rows, features, inner);
    v = kept;
    return (up - down) / (2 * h);
  };
  for (size_t i = 0; i < x.size(); ++i) CHECK_NEAR(dx[i], derivative(x[i]), 1e-4);
  for (size_t f = 0; f < gamma.size(); ++f) {
    CHECK_NEAR(norm.dgamma[f], derivative(gamma[f]), 1e-4);
    CHECK_NEAR(norm.dbeta[f], derivative(beta[f]), 1e-4);
  }
}

TEST(nn_gradients_of_batch_norm) {
  check_norm(9, 5, 1);
  check_norm(3, 4, 6);
}

TEST(nn_batch_norm_refuses_a_batch_without_variance) {
  qat::BatchNorm norm(3);
  float x[3] = {1, 2, 3}, y[3];
  CHECK_THROWS(norm.forward_training(x, y, 1), "E-NATIVE-ARGUMENT");
}

TEST(nn_gradient_of_cross_entropy) {
  std::vector<float> z = random_values(4 * 5, 11, 2);
  const uint8_t labels[4] = {0, 4, 2, 2};
  for (const double smoothing : {0.0, 0.1}) {
    std::vector<float> dz(z.size());
    qat::softmax_cross_entropy(z.data(), labels, 4, 5, smoothing, dz.data(), nullptr);
    for (size_t i = 0; i < z.size(); ++i) {
      const float kept = z[i], h = 1.0f / 256;
      z[i] = kept + h;
      const double high = z[i];
      const double up = qat::softmax_cross_entropy(z.data(), labels, 4, 5, smoothing, nullptr, nullptr);
      z[i] = kept - h;
      const double low = z[i];
      const double down = qat::softmax_cross_entropy(z.data(), labels, 4, 5, smoothing, nullptr, nullptr);
      z[i] = kept;
      CHECK_NEAR(dz[i], (up - down) / (high - low), 1e-5);
    }
  }
}

TEST(nn_cross_entropy_survives_huge_logits) {
  const float z[3] = {1e30f, -1e30f, 0};
  const uint8_t label = 0;
  float dz[3];
  CHECK_NEAR(qat::softmax_cross_entropy(z, &label, 1, 3, 0, dz, nullptr), 0.0, 1e-12);
  CHECK_NEAR(dz[1], 0.0, 1e-12);
}

}  // namespace
