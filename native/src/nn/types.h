// Plain data that layers are described with. The fields mirror the addon's declaration
// (native/index.ts); quant/ has the grids, granularities and range estimators.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quant/grid.h"

namespace qat {

constexpr int kFloatBits = 32;

// The gradient rule: what training does with a quantizer. The numbers are part of checkpoints.
//   kLsq      scales are learned (Esser et al. 2020)
//   kSte      straight through; scales stay as prepared, but those of a weight that are its mean
//             (binary), its abs-max or ternary follow it: they are computed anew in every forward
//   kLsqPlus  activations: scale and offset are learned (Bhalgat et al. 2020)
//   kPact     unsigned activations: the clipping value is learned (Choi et al. 2018)
//   kDoReFa   weights: mid-rise levels of tanh(w); unsigned activations: clipped to [0, 1]; nothing is
//             learned (Zhou et al. 2016)
//   kTtq      ternary weights: both levels are learned (Zhu et al. 2017)
//   kIrNet    binary weights: balanced, with an annealed gradient (Qin et al. 2020)
//   kUser     weights on the user grid: what its library says
enum class Method { kLsq, kSte, kLsqPlus, kPact, kDoReFa, kTtq, kIrNet, kUser };

struct WeightOptions {
  QuantizerConfig quantizer;  // bits 1–8, or kFloatBits (the other fields are then ignored)
  Method method = Method::kLsq;
};

struct ActivationOptions {
  int bits = 4;  // 1–8, or kFloatBits
  bool is_signed = true;  // unsigned: zero point 0; 1 bit: signed ±scale, unsigned {0, scale}
  RangeEstimator range = RangeEstimator::kMse;
  double percentile = 99.9, norm = 2.4;  // parameters of the range estimator, as QuantizerConfig
  Method method = Method::kLsq;  // kPact and kDoReFa need an unsigned grid of 2–8 bits
};

// What every n-bit layer is told, whatever it does with its weight.
struct LayerOptions {
  std::string device = "cpu";
  std::string dtype = "float32";
  bool bias = false;
  bool input_shift = false;      // a learned shift of every input channel, before quantization
  WeightOptions weight;          // weight.quantizer.bits is wBit, 4 by default
  ActivationOptions activation;  // activation.bits is aBit, 4 by default
};

struct LinearOptions : LayerOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t tokens = 1;  // places of a sample that meet the weight one by one: [tokens, in_channels]
};

struct Matrix {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<float> values;  // row-major
};

}  // namespace qat
