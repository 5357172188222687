#include "addon/quantizer_args.h"

#include <iterator>
#include <vector>

#include "addon/errors.h"
#include "quant/range.h"
#include "quant/ranges/range_rows.h"
#include "quant/user_quantizer.h"

namespace qat::addon {
namespace {

// A part of a quantizer and its id in JavaScript.
template <typename T>
struct Named {
  const char* id;
  T value;
};

constexpr Named<Grid> kGrids[] = {
    {"signed", Grid::kSigned}, {"narrow", Grid::kNarrow},   {"unsigned", Grid::kUnsigned},
    {"binary", Grid::kBinary}, {"midrise", Grid::kMidrise}, {"ternary", Grid::kTernary},
    {"user", Grid::kUser},
};
constexpr Named<Granularity> kGranularities[] = {
    {"tensor", Granularity::kTensor},
    {"channel", Granularity::kChannel},
    {"group", Granularity::kGroup},
};
constexpr Named<Method> kMethods[] = {
    {"lsq", Method::kLsq},         {"ste", Method::kSte},   {"lsqPlus", Method::kLsqPlus},
    {"pact", Method::kPact},       {"dorefa", Method::kDoReFa}, {"ttq", Method::kTtq},
    {"irnet", Method::kIrNet},     {"user", Method::kUser},
};
// How every kernel rounds.
constexpr const char* kRoundings[] = {"nearest", "adaround", "gptq", "hqq"};
constexpr int64_t kMaxGroupSize = 65536;

template <typename Row, size_t kCount>
std::vector<const char*> ids_of(const Row (&rows)[kCount]) {
  std::vector<const char*> ids;
  for (const Row& row : rows) ids.push_back(row.id);
  return ids;
}

template <typename T, size_t kCount>
T named(Napi::Value value, const std::string& what, const Named<T> (&rows)[kCount]) {
  return rows[choice(value, what, ids_of(rows))].value;
}

template <typename T, size_t kCount>
const char* name_of(T value, const Named<T> (&rows)[kCount]) {
  for (const Named<T>& row : rows) {
    if (row.value == value) return row.id;
  }
  return rows[0].id;
}

RangeEstimator range_from(Napi::Value value, const std::string& what) {
  return range_rows[choice(value, what, ids_of(range_rows))].value;
}

// Calls read(value, name) unless the field may be left out and is.
template <typename Read>
void field(Napi::Object given, const char* name, const std::string& what, bool partial,
           Read&& read) {
  const Napi::Value value = given.Get(name);
  if (partial && value.IsUndefined()) return;
  read(value, what + "." + name);
}

// The range estimator and its parameters, which may always be left out. Target: QuantizerConfig or
// ActivationOptions.
template <typename Target>
void read_range(Napi::Object given, const std::string& what, bool partial, Target* target) {
  field(given, "range", what, partial,
        [&](Napi::Value v, const std::string& name) { target->range = range_from(v, name); });
  field(given, "percentile", what, true, [&](Napi::Value v, const std::string& name) {
    target->percentile = number_in(v, name, 50, 100);
  });
  field(given, "norm", what, true, [&](Napi::Value v, const std::string& name) {
    target->norm = number_in(v, name, 1, 4);
  });
}

Napi::Array texts_to_js(Napi::Env env, const std::vector<const char*>& texts) {
  Napi::Array result = Napi::Array::New(env, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) result.Set(static_cast<uint32_t>(i), texts[i]);
  return result;
}

}  // namespace

const char* to_string(Grid grid) { return name_of(grid, kGrids); }

const char* to_string(Granularity granularity) { return name_of(granularity, kGranularities); }

int quantizer_bits(Napi::Value value, const std::string& what) {
  const int64_t bits = integer_in(value, what, 1, kFloatBits);
  if (bits > 8 && bits != kFloatBits) {
    fail_argument(what + " must be 1 to 8, or 32 for float, not " + std::to_string(bits) + ".");
  }
  return static_cast<int>(bits);
}

namespace {

constexpr size_t kMaxLibraryIdBytes = 64;

// The id of a quantizer library; one that is not loaded reads packed weights only.
const UserQuantizer* library_from(Napi::Value value, const std::string& what) {
  return find_user_quantizer(text(value, what, kMaxLibraryIdBytes));
}

}  // namespace

void read_weight_fields(Napi::Object given, const std::string& what, bool partial,
                        WeightOptions* options) {
  QuantizerConfig& config = options->quantizer;
  field(given, "grid", what, partial,
        [&](Napi::Value v, const std::string& name) { config.grid = named(v, name, kGrids); });
  field(given, "granularity", what, partial, [&](Napi::Value v, const std::string& name) {
    config.granularity = named(v, name, kGranularities);
  });
  field(given, "groupSize", what, partial, [&](Napi::Value v, const std::string& name) {
    config.group_size = integer_in(v, name, 0, kMaxGroupSize);
  });
  read_range(given, what, partial, &config);
  field(given, "method", what, partial, [&](Napi::Value v, const std::string& name) {
    options->method = named(v, name, kMethods);
  });
  field(given, "library", what, true, [&](Napi::Value v, const std::string& name) {
    config.user = library_from(v, name);
  });
  if (config.grid != Grid::kUser) config.user = nullptr;
}

void read_activation_fields(Napi::Object given, const std::string& what, bool partial,
                            ActivationOptions* options) {
  field(given, "grid", what, partial, [&](Napi::Value v, const std::string& name) {
    options->is_signed = choice(v, name, {"signed", "unsigned"}) == 0;
  });
  read_range(given, what, partial, options);
  field(given, "method", what, partial, [&](Napi::Value v, const std::string& name) {
    options->method = named(v, name, kMethods);
  });
  validate(ActivationRange{options->range, options->percentile, options->norm});
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

Scales scales_from(Napi::Object given, const std::string& what) {
  Scales result = scales_from(given.Get("scales"), given.Get("zeroPoints"), what);
  const Napi::Value thresholds = given.Get("thresholds");
  if (!is_absent(thresholds)) {
    result.thresholds = floats(thresholds, what + ".thresholds").copy();
    const std::string name = what + ".thresholds";
    require_finite({result.thresholds.data(), result.thresholds.size()}, name);
    for (const float threshold : result.thresholds) {
      if (threshold < 0) fail_argument(name + " must not be negative.");
    }
  }
  const Napi::Value negative = given.Get("negativeScales");
  if (!is_absent(negative)) {
    result.negative_scales = floats(negative, what + ".negativeScales").copy();
    require_positive({result.negative_scales.data(), result.negative_scales.size()},
                     what + ".negativeScales");
  }
  const Napi::Value parameters = given.Get("parameters");
  if (!is_absent(parameters)) {
    result.parameters = floats(parameters, what + ".parameters").copy();
  }
  const Napi::Value levels = given.Get("levels");
  if (!is_absent(levels)) result.levels = floats(levels, what + ".levels").copy();
  return result;
}

namespace {

void set_scales(Napi::Object target, const Scales& scales) {
  const Napi::Env env = target.Env();
  target.Set("scales", to_js(env, scales.scales));
  target.Set("zeroPoints", to_js(env, scales.zero_points));
  if (!scales.thresholds.empty()) target.Set("thresholds", to_js(env, scales.thresholds));
  if (!scales.negative_scales.empty()) {
    target.Set("negativeScales", to_js(env, scales.negative_scales));
  }
  if (!scales.parameters.empty()) target.Set("parameters", to_js(env, scales.parameters));
  if (!scales.levels.empty()) target.Set("levels", to_js(env, scales.levels));
}

}  // namespace

Napi::Object scales_to_js(Napi::Env env, const Scales& scales) {
  Napi::Object result = Napi::Object::New(env);
  set_scales(result, scales);
  return result;
}

QuantizedWeight quantized_weight_from(Napi::Value value, const std::string& what) {
  const Napi::Object given = object(value, what);
  QuantizedWeight weight;
  weight.config.bits = static_cast<int>(integer_in(given.Get("bits"), what + ".bits", 1, 8));
  weight.config.grid = named(given.Get("grid"), what + ".grid", kGrids);
  weight.config.granularity =
      named(given.Get("granularity"), what + ".granularity", kGranularities);
  weight.config.group_size =
      integer_in(given.Get("groupSize"), what + ".groupSize", 0, kMaxGroupSize);
  const Napi::Value library = given.Get("library");
  if (weight.config.grid == Grid::kUser && !is_absent(library)) {
    weight.config.user = library_from(library, what + ".library");
  }
  weight.rows = extent(given.Get("rows"), what + ".rows");
  weight.cols = extent(given.Get("cols"), what + ".cols");
  element_count(weight.rows, weight.cols, what);
  weight.packed = bytes(given.Get("packed"), what + ".packed",
                        weight.rows * packed_row_bytes(weight.cols, weight.config.bits))
                      .copy();
  weight.scales = scales_from(given, what);
  validate_quantized_weight(weight);
  return weight;
}

Napi::Object quantized_weight_to_js(Napi::Env env, const QuantizedWeight& weight) {
  return quantized_weight_to_js(env, weight, to_js(env, weight.packed));
}

Napi::Object quantized_weight_to_js(Napi::Env env, const QuantizedWeight& weight, Napi::Uint8Array packed) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("bits", weight.config.bits);
  result.Set("grid", to_string(weight.config.grid));
  result.Set("granularity", to_string(weight.config.granularity));
  result.Set("groupSize", static_cast<double>(weight.config.group_size));
  if (weight.config.user) result.Set("library", weight.config.user->id());
  result.Set("rows", static_cast<double>(weight.rows));
  result.Set("cols", static_cast<double>(weight.cols));
  result.Set("packed", packed);
  set_scales(result, weight.scales);
  return result;
}

Napi::Value quantizer_parts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("grids", texts_to_js(env, ids_of(kGrids)));
  result.Set("granularities", texts_to_js(env, ids_of(kGranularities)));
  result.Set("ranges", texts_to_js(env, ids_of(range_rows)));
  result.Set("methods", texts_to_js(env, ids_of(kMethods)));
  result.Set("roundings", texts_to_js(env, {std::begin(kRoundings), std::end(kRoundings)}));
  return result;
}

}  // namespace qat::addon
