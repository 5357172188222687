// How a layer's weight meets its input: a matrix product, a convolution. The n-bit layer knows when to
// quantize and what to keep; a product knows shapes.
#pragma once

#include <cstdint>

#include "nn/activation_quantizer.h"
#include "quant/packing.h"

namespace qat {

// The weight is a matrix [rows, cols], one row per output channel; inputs and outputs are
// [batch, input_size] and [batch, output_size]. No call allocates once a batch of that size was seen,
// and no result depends on the thread count.
class WeightProduct {
 public:
  virtual ~WeightProduct() = default;

  virtual int64_t rows() const = 0;
  virtual int64_t cols() const = 0;
  virtual int64_t input_size() const = 0;   // elements of one sample
  virtual int64_t output_size() const = 0;
  virtual int64_t input_channels() const = 0;  // the first extent of a sample that is not a token
  // Work buffers for batches of this size.
  virtual void reserve(int64_t batch, bool for_backward) = 0;
  virtual int64_t native_bytes() const = 0;

  // y = x ∗ w + bias; bias [rows] may be null.
  virtual void forward(const float* x, int64_t batch, const float* w, const float* bias,
                       float* y) = 0;
  // dw [rows, cols] of x and dy; dbias [rows] may be null.
  virtual void weight_gradient(const float* x, const float* dy, int64_t batch, float* dw,
                               float* dbias) = 0;
  virtual void input_gradient(const float* dy, const float* w, int64_t batch, float* dx) = 0;
  // As forward, x quantized by `activation` (not shifted), by integer arithmetic on the codes in tiles. Only where
  // takes_tiles().
  virtual bool takes_tiles() const { return false; }
  virtual void forward_tiled(const float* /*x*/, int64_t /*batch*/, const TiledWeight& /*weight*/,
                             const ActivationQuantizer& /*activation*/, const float* /*bias*/, float* /*y*/) {}
  // The same on the packed codes.
  virtual void forward_packed(const float* x, int64_t batch, const QuantizedWeight& weight,
                              const ActivationQuantizer& activation, const float* bias,
                              float* y) = 0;
};

}  // namespace qat
