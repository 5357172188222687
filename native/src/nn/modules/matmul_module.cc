#include "nn/modules/matmul_module.h"

namespace qat {
namespace {

int64_t columns(const SampleShape& b, QuantizedMatmul::Right right) {
  return b.extents[right == QuantizedMatmul::Right::kTransposed ? 0 : 1];
}

}  // namespace

MatmulModule::MatmulModule(const SampleShape& a, const SampleShape& b, QuantizedMatmul::Right right,
                           const MatmulQuantizers& quantizers)
    : Module({{a.extents[0], columns(b, right)}}),
      shape_{1, 1, a.extents[0], columns(b, right), a.extents[1]},
      matmul_(right, quantizers.a, quantizers.b) {
  parameters_.add("a", matmul_.a());
  parameters_.add("b", matmul_.b());
}

void MatmulModule::prepare(const float* const* x, int64_t rows, const CancelToken* cancel) {
  matmul_.a().estimate(x[0], rows * shape_.a_size(), cancel);
  matmul_.b().estimate(x[1], rows * shape_.b_size(), cancel);
}

void MatmulModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  MatmulShape shape = shape_;
  shape.samples = rows;
  if (pass == Pass::kPacked) {
    matmul_.forward_packed(shape, x[0], x[1], y);
  } else {
    matmul_.forward(shape, x[0], x[1], y);
  }
}

void MatmulModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                            float* const* dx) {
  float* d[2];
  const int64_t sizes[2] = {shape_.a_size(), shape_.b_size()};
  for (size_t i = 0; i < 2; ++i) {
    if (!dx[i]) unwanted_[i].resize(static_cast<size_t>(rows * sizes[i]));
    d[i] = dx[i] ? dx[i] : unwanted_[i].data();
  }
  matmul_.backward(dy, d[0], d[1]);
}

int64_t MatmulModule::native_bytes() const {
  return matmul_.native_bytes() +
         static_cast<int64_t>((unwanted_[0].size() + unwanted_[1].size()) * sizeof(float));
}

}  // namespace qat
