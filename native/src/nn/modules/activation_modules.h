// Elementwise nonlinearities, dropout and the residual sum as nodes.
#pragma once

#include "nn/module.h"
#include "runtime/aligned.h"

namespace qat {

class ReluModule final : public Module {
 public:
  explicit ReluModule(const SampleShape& input) : Module(input) {}
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
};

class GeluModule final : public Module {
 public:
  explicit GeluModule(const SampleShape& input) : Module(input) {}
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
};

// x where x ≥ 0, else slope·x with a learned slope per feature or channel (He et al. 2015).
class PreluModule final : public Module {
 public:
  explicit PreluModule(const SampleShape& input);

  std::vector<ModuleParameter> parameters() const override;
  const float* value(size_t) const override { return slope_.data(); }
  void set_value(size_t index, const float* values, size_t count) override;
  float* mutable_value(size_t) override { return slope_.data(); }
  float* gradient(size_t) override { return dslope_.data(); }
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;

 private:
  int64_t channels_, inner_;
  AlignedVector<float> slope_, dslope_;
};

// In training every value is 0 with probability `rate`, else 1/(1 − rate) times itself (Srivastava et
// al. 2014). What is dropped follows from seed, node and step alone, so a resumed training drops alike.
class DropoutModule final : public Module {
 public:
  DropoutModule(const SampleShape& input, double rate, uint64_t node);
  void reserve(int64_t rows, bool for_backward) override;
  void begin_step(const TrainingPosition& position) override;
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
  int64_t native_bytes() const override { return static_cast<int64_t>(kept_.size()); }

 private:
  double rate_;
  uint64_t node_, stream_ = 0;
  std::vector<uint8_t> kept_;
};

// The sum of two inputs of one shape: residual branches end here.
class AddModule final : public Module {
 public:
  explicit AddModule(const SampleShape& input) : Module(input) {}
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
};

// Another shape for the same values.
class FlattenModule final : public Module {
 public:
  explicit FlattenModule(const SampleShape& input) : Module({{input.size()}}) {}
  void forward(const float* const* x, int64_t rows, float* y, Pass pass) override;
  void backward(const float* const* x, const float* y, float* dy, int64_t rows,
                float* const* dx) override;
};

}  // namespace qat
