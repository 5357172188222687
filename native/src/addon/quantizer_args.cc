#include "addon/quantizer_args.h"

#include "addon/errors.h"

namespace qat::addon {
namespace {

constexpr Grid kGrids[] = {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned, Grid::kBinary};
constexpr Granularity kGranularities[] = {Granularity::kTensor, Granularity::kChannel,
                                          Granularity::kGroup};
constexpr RangeEstimator kRanges[] = {RangeEstimator::kAbsMax, RangeEstimator::kMse,
                                      RangeEstimator::kLsq};
constexpr Method kMethods[] = {Method::kLsq, Method::kSte};
constexpr int64_t kMaxGroupSize = 65536;

Grid grid_from(Napi::Value value, const std::string& what) {
  return kGrids[choice(value, what, {"signed", "narrow", "unsigned", "binary"})];
}

Granularity granularity_from(Napi::Value value, const std::string& what) {
  return kGranularities[choice(value, what, {"tensor", "channel", "group"})];
}

RangeEstimator range_from(Napi::Value value, const std::string& what) {
  return kRanges[choice(value, what, {"absmax", "mse", "lsq"})];
}

Method method_from(Napi::Value value, const std::string& what) {
  return kMethods[choice(value, what, {"lsq", "ste"})];
}

// Calls read(value, name) unless the field may be left out and is.
template <typename Read>
void field(Napi::Object given, const char* name, const std::string& what, bool partial,
           Read&& read) {
  const Napi::Value value = given.Get(name);
  if (partial && value.IsUndefined()) return;
  read(value, what + "." + name);
}

}  // namespace

const char* to_string(Grid grid) {
  switch (grid) {
    case Grid::kSigned:
      return "signed";
    case Grid::kNarrow:
      return "narrow";
    case Grid::kUnsigned:
      return "unsigned";
    case Grid::kBinary:
      break;
  }
  return "binary";
}

const char* to_string(Granularity granularity) {
  switch (granularity) {
    case Granularity::kTensor:
      return "tensor";
    case Granularity::kChannel:
      return "channel";
    case Granularity::kGroup:
      break;
  }
  return "group";
}

int quantizer_bits(Napi::Value value, const std::string& what) {
  const int64_t bits = integer_in(value, what, 1, kFloatBits);
  if (bits > 8 && bits != kFloatBits) {
    fail_argument(what + " must be 1 to 8, or 32 for float, not " + std::to_string(bits) + ".");
  }
  return static_cast<int>(bits);
}

void read_weight_fields(Napi::Object given, const std::string& what, bool partial,
                        WeightOptions* options) {
  QuantizerConfig& config = options->quantizer;
  field(given, "grid", what, partial,
        [&](Napi::Value v, const std::string& name) { config.grid = grid_from(v, name); });
  field(given, "granularity", what, partial, [&](Napi::Value v, const std::string& name) {
    config.granularity = granularity_from(v, name);
  });
  field(given, "groupSize", what, partial, [&](Napi::Value v, const std::string& name) {
    config.group_size = integer_in(v, name, 0, kMaxGroupSize);
  });
  field(given, "range", what, partial,
        [&](Napi::Value v, const std::string& name) { config.range = range_from(v, name); });
  field(given, "method", what, partial,
        [&](Napi::Value v, const std::string& name) { options->method = method_from(v, name); });
}

Method activation_method_from(Napi::Value value, const std::string& what) {
  constexpr Method kMethods[] = {Method::kLsq, Method::kSte, Method::kLsqPlus, Method::kPact,
                                 Method::kDoReFa};
  return kMethods[choice(value, what, {"lsq", "ste", "lsqPlus", "pact", "dorefa"})];
}

void read_activation_fields(Napi::Object given, const std::string& what, bool partial,
                            ActivationOptions* options) {
  field(given, "grid", what, partial, [&](Napi::Value v, const std::string& name) {
    options->is_signed = choice(v, name, {"signed", "unsigned"}) == 0;
  });
  field(given, "range", what, partial,
        [&](Napi::Value v, const std::string& name) { options->range = range_from(v, name); });
  field(given, "method", what, partial, [&](Napi::Value v, const std::string& name) {
    options->method = activation_method_from(v, name);
  });
}

WeightOptions weight_quantizer(Napi::Value value, const std::string& what) {
  const Napi::Object given = object(value, what);
  WeightOptions options;
  options.quantizer.bits = quantizer_bits(given.Get("bits"), what + ".bits");
  read_weight_fields(given, what, false, &options);
  return options;
}

ActivationOptions activation_quantizer(Napi::Value value, const std::string& what) {
  const Napi::Object given = object(value, what);
  ActivationOptions options;
  options.bits = quantizer_bits(given.Get("bits"), what + ".bits");
  read_activation_fields(given, what, false, &options);
  return options;
}

Scales scales_from(Napi::Value scales, Napi::Value zero_points, const std::string& what) {
  Scales result;
  result.scales = floats(scales, what + ".scales").copy();
  // Checked on the copy: a SharedArrayBuffer could change between the check and the use.
  require_positive({result.scales.data(), result.scales.size()}, what + ".scales");
  if (!is_absent(zero_points)) result.zero_points = ints(zero_points, what + ".zeroPoints").copy();
  return result;
}

Napi::Object scales_to_js(Napi::Env env, const Scales& scales) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("scales", to_js(env, scales.scales));
  result.Set("zeroPoints", to_js(env, scales.zero_points));
  return result;
}

QuantizedWeight quantized_weight_from(Napi::Value value, const std::string& what) {
  const Napi::Object given = object(value, what);
  QuantizedWeight weight;
  weight.config.bits = static_cast<int>(integer_in(given.Get("bits"), what + ".bits", 1, 8));
  weight.config.grid = grid_from(given.Get("grid"), what + ".grid");
  weight.config.granularity = granularity_from(given.Get("granularity"), what + ".granularity");
  weight.config.group_size =
      integer_in(given.Get("groupSize"), what + ".groupSize", 0, kMaxGroupSize);
  weight.rows = extent(given.Get("rows"), what + ".rows");
  weight.cols = extent(given.Get("cols"), what + ".cols");
  element_count(weight.rows, weight.cols, what);
  weight.packed = bytes(given.Get("packed"), what + ".packed",
                        weight.rows * packed_row_bytes(weight.cols, weight.config.bits))
                      .copy();
  weight.scales = scales_from(given.Get("scales"), given.Get("zeroPoints"), what);
  validate_quantized_weight(weight);
  return weight;
}

Napi::Object quantized_weight_to_js(Napi::Env env, const QuantizedWeight& weight) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("bits", weight.config.bits);
  result.Set("grid", to_string(weight.config.grid));
  result.Set("granularity", to_string(weight.config.granularity));
  result.Set("groupSize", static_cast<double>(weight.config.group_size));
  result.Set("rows", static_cast<double>(weight.rows));
  result.Set("cols", static_cast<double>(weight.cols));
  result.Set("packed", to_js(env, weight.packed));
  result.Set("scales", to_js(env, weight.scales.scales));
  result.Set("zeroPoints", to_js(env, weight.scales.zero_points));
  return result;
}

}  // namespace qat::addon
