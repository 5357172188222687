// Quantizers, scales and packed weights between JavaScript objects and the engine's structs.
#pragma once

#include <string>

#include "addon/args.h"
#include "nn/types.h"
#include "quant/grid.h"
#include "quant/packing.h"

namespace qat::addon {

// bits 1–8 or 32; range checks only: quant/ says whether the mix makes sense.
WeightOptions weight_quantizer(Napi::Value value, const std::string& what);
ActivationOptions activation_quantizer(Napi::Value value, const std::string& what);

// Single fields, for options where every field may be left out.
void read_weight_fields(Napi::Object given, const std::string& what, bool partial,
                        WeightOptions* options);
void read_activation_fields(Napi::Object given, const std::string& what, bool partial,
                            ActivationOptions* options);
int quantizer_bits(Napi::Value value, const std::string& what);

// {scales, zeroPoints, thresholds, negativeScales, parameters, levels}: scales must be positive and finite, thresholds
// not negative; all but the scales may be absent. Whether the counts fit is for validate_scales.
Scales scales_from(Napi::Object given, const std::string& what);
Scales scales_from(Napi::Value scales, Napi::Value zero_points, const std::string& what);
// All but scales and zeroPoints only where there are any.
Napi::Object scales_to_js(Napi::Env env, const Scales& scales);

// Sizes and codes are checked by validate_quantized_weight.
QuantizedWeight quantized_weight_from(Napi::Value value, const std::string& what);
Napi::Object quantized_weight_to_js(Napi::Env env, const QuantizedWeight& weight);
// With these bytes as its codes.
Napi::Object quantized_weight_to_js(Napi::Env env, const QuantizedWeight& weight, Napi::Uint8Array packed);

const char* to_string(Grid grid);
const char* to_string(Granularity granularity);

// The ids of every part that a quantizer can be composed of, by part.
Napi::Value quantizer_parts(const Napi::CallbackInfo& info);

}  // namespace qat::addon
