#include "addon/mpq_args.h"

#include "addon/errors.h"

namespace qat::addon {
namespace {

// Shape and format that every packed weight names.
void read_shape(Napi::Object given, const std::string& what, int64_t* in, int64_t* out) {
  *in = extent(given.Get("inChannels"), what + ".inChannels");
  *out = extent(given.Get("outChannels"), what + ".outChannels");
  element_count(*out, *in, what);
}

std::vector<uint8_t> optional_bytes(Napi::Object given, const char* name) {
  const Napi::Value value = given.Get(name);
  if (is_absent(value)) return {};
  return bytes(value, name).copy();
}

DoubleQuantized double_quantized(const MpqWeight& weight, std::vector<uint8_t> codes,
                                 std::vector<float> scales, std::vector<float> zeros) {
  return {weight.groups(),  weight.out,        weight.format.double_group_size,
          double_bits(weight.format), std::move(codes), std::move(scales),
          std::move(zeros)};
}

void read_double_quantized(Napi::Object given, MpqWeight* weight) {
  std::vector<uint8_t> scale_codes, zero_codes;
  if (weight->format.symmetric) {
    split_nibbles(optional_bytes(given, "qstatistic"), &scale_codes, &zero_codes);
  } else {
    scale_codes = optional_bytes(given, "qscales");
  }
  weight->double_scales =
      double_quantized(*weight, std::move(scale_codes), optional_floats(given, "qscalesScales"),
                       optional_floats(given, "qscalesZeros"));
  if (!weight->format.symmetric) return;
  weight->double_zeros =
      double_quantized(*weight, std::move(zero_codes), optional_floats(given, "qzerosScales"),
                       optional_floats(given, "qzerosZeros"));
}

void set_double_quantized(Napi::Env env, const MpqWeight& weight, Napi::Object result) {
  const DoubleQuantized& scales = weight.double_scales;
  result.Set("qscalesScales", to_js(env, scales.scales));
  result.Set("qscalesZeros", to_js(env, scales.zeros));
  if (!weight.format.symmetric) {
    result.Set("qscales", to_js(env, scales.codes));
    return;
  }
  const DoubleQuantized& zeros = weight.double_zeros;
  result.Set("qstatistic", to_js(env, join_nibbles(scales.codes, zeros.codes)));
  result.Set("qzerosScales", to_js(env, zeros.scales));
  result.Set("qzerosZeros", to_js(env, zeros.zeros));
}

void set_shape(Napi::Object result, int64_t in, int64_t out) {
  result.Set("inChannels", static_cast<double>(in));
  result.Set("outChannels", static_cast<double>(out));
}

}  // namespace

int64_t group_size(Napi::Value value, const std::string& what, int64_t in) {
  const int64_t size = integer_in(value, what, -1, kMaxExtent);
  if (size == 0) fail_argument(what + " must be -1 (all inputs) or at least 1, not 0.");
  return size < 0 ? in : size;
}

ZeroFormat zero_format(Napi::Value value, const std::string& what) {
  return choice(value, what, {"gptq", "gptqV2"}) == 0 ? ZeroFormat::kGptq : ZeroFormat::kGptqV2;
}

const char* to_string(ZeroFormat format) {
  return format == ZeroFormat::kGptq ? "gptq" : "gptqV2";
}

std::vector<int32_t> optional_ints(Napi::Object given, const char* name) {
  const Napi::Value value = given.Get(name);
  if (is_absent(value)) return {};
  return ints(value, name).copy();
}

std::vector<float> optional_floats(Napi::Object given, const char* name) {
  const Napi::Value value = given.Get(name);
  if (is_absent(value)) return {};
  return floats(value, name).copy();
}

void read_packed_weight(Napi::Value value, const std::string& what, MpqWeight* weight) {
  const Napi::Object given = object(value, what);
  read_shape(given, what, &weight->in, &weight->out);
  MpqFormat& format = weight->format;
  format.bits = static_cast<int>(integer_in(given.Get("bits"), what + ".bits", 1, 8));
  format.group_size = group_size(given.Get("groupSize"), what + ".groupSize", weight->in);
  format.symmetric = boolean(given.Get("symmetric"), what + ".symmetric");
  format.zero_format = zero_format(given.Get("zeroFormat"), what + ".zeroFormat");
  format.double_group_size =
      integer_in(given.Get("doubleGroupSize"), what + ".doubleGroupSize", 0, kMaxExtent);
  weight->qweight = ints(given.Get("qweight"), what + ".qweight").copy();
  weight->g_idx = is_absent(given.Get("gIdx"))
                      ? consecutive_groups(weight->in, format.group_size)
                      : optional_ints(given, "gIdx");
  weight->scales = optional_floats(given, "scales");
  weight->zeros = optional_floats(given, "zeros");
  weight->qzeros = optional_ints(given, "qzeros");
  if (format.double_group_size > 0) read_double_quantized(given, weight);
}

void read_packed_weight(Napi::Value value, const std::string& what, MixedRowWeight* weight) {
  const Napi::Object given = object(value, what);
  read_shape(given, what, &weight->in, &weight->out);
  weight->qweight = ints(given.Get("qweight"), what + ".qweight").copy();
  weight->q_perm = ints(given.Get("qPerm"), what + ".qPerm").copy();
  weight->q_groups = ints(given.Get("qGroups"), what + ".qGroups").copy();
  weight->scales = floats(given.Get("scales"), what + ".scales").copy();
  weight->zeros = floats(given.Get("zeros"), what + ".zeros").copy();
  weight->channel_scale = optional_floats(given, "channelScale");
}

Napi::Object packed_weight_to_js(Napi::Env env, const MpqWeight& weight) {
  const MpqFormat& format = weight.format;
  Napi::Object result = Napi::Object::New(env);
  set_shape(result, weight.in, weight.out);
  result.Set("bits", format.bits);
  result.Set("groupSize", static_cast<double>(format.group_size));
  result.Set("symmetric", format.symmetric);
  result.Set("zeroFormat", to_string(format.zero_format));
  result.Set("doubleGroupSize", static_cast<double>(format.double_group_size));
  result.Set("qweight", to_js(env, weight.qweight));
  result.Set("gIdx", to_js(env, weight.g_idx));
  if (!format.symmetric) result.Set("qzeros", to_js(env, weight.qzeros));
  if (format.double_group_size > 0) {
    set_double_quantized(env, weight, result);
    return result;
  }
  result.Set("scales", to_js(env, weight.scales));
  if (format.symmetric) result.Set("zeros", to_js(env, weight.zeros));
  return result;
}

Napi::Object packed_weight_to_js(Napi::Env env, const MixedRowWeight& weight) {
  const MixedRowPlan plan{weight.q_perm, weight.q_groups, weight.packed_rows()};
  const std::array<int32_t, 7> boundaries = mixed_row_boundaries(plan);
  Napi::Object result = Napi::Object::New(env);
  set_shape(result, weight.in, weight.out);
  result.Set("qweight", to_js(env, weight.qweight));
  result.Set("qPerm", to_js(env, weight.q_perm));
  result.Set("qGroups", to_js(env, weight.q_groups));
  result.Set("qGroupMap", to_js(env, mixed_group_map(plan)));
  result.Set("rows", to_js(env, std::vector<int32_t>(boundaries.begin(), boundaries.end())));
  result.Set("scales", to_js(env, weight.scales));
  result.Set("zeros", to_js(env, weight.zeros));
  result.Set("channelScale", weight.channel_scale.empty()
                                 ? env.Null()
                                 : Napi::Value(to_js(env, weight.channel_scale)));
  return result;
}

}  // namespace qat::addon
