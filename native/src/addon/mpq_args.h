// Weight-only formats and packed weights between JavaScript objects and the engine's structs.
#pragma once

#include <string>
#include <vector>

#include "addon/args.h"
#include "quant/mixed_rows.h"
#include "quant/mpq_weight.h"

namespace qat::addon {

// groupSize: −1 (all inputs) or at least 1.
int64_t group_size(Napi::Value value, const std::string& what, int64_t in);
ZeroFormat zero_format(Napi::Value value, const std::string& what);
const char* to_string(ZeroFormat format);
// A typed array, or nothing where the field is absent.
std::vector<int32_t> optional_ints(Napi::Object given, const char* name);
std::vector<float> optional_floats(Napi::Object given, const char* name);

// Types and ranges are checked here, sizes and contents by the layer.
void read_packed_weight(Napi::Value value, const std::string& what, MpqWeight* weight);
void read_packed_weight(Napi::Value value, const std::string& what, MixedRowWeight* weight);
Napi::Object packed_weight_to_js(Napi::Env env, const MpqWeight& weight);
Napi::Object packed_weight_to_js(Napi::Env env, const MixedRowWeight& weight);

}  // namespace qat::addon
