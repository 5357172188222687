// The product of two nodes, each operand through a quantizer of its own, as a node.
#pragma once

#include "nn/module.h"
#include "nn/modules/quantizer_parameters.h"
#include "nn/quantized_matmul.h"
#include "runtime/aligned.h"

namespace qat {

// a [m, k] times b [k, n], or b [n, k] where it is transposed, → [m, n], sample by sample. Its parameters
// are the scales and offsets of its quantizers: aScale, bScale, …
class MatmulModule final : public Module {
 public:
  MatmulModule(const SampleShape& a, const SampleShape& b, QuantizedMatmul::Right right,
               const MatmulQuantizers& quantizers);

  std::vector<ModuleParameter> parameters() const override { return parameters_.all(); }
  const float* value(size_t index) const override { return parameters_.value(index); }
  void set_value(size_t index, const float* values, size_t count) override {
    parameters_.set_value(index, values, count);
  }
  float* mutable_value(size_t index) override { return parameters_.mutable_value(index); }
  float* gradient(size_t index) override {
    return matmul_.quantizing() ? parameters_.gradient(index) : nullptr;
  }
  void begin_step(const TrainingPosition& position) override {
    matmul_.set_quantizing(position.quantizing());
  }
  void after_update() override { parameters_.after_update(); }
  void prepare(const float* const* x, int64_t rows, const CancelToken* cancel) override;
  bool ready() const override { return matmul_.ready(); }

  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  int64_t native_bytes() const override;

 private:
  MatmulShape shape_;  // of one sample
  QuantizedMatmul matmul_;
  QuantizerParameters parameters_;
  AlignedVector<float> unwanted_[2];  // gradients that nobody takes
};

}  // namespace qat
