// Quantization and packing on arrays.
#include <initializer_list>
#include <string>
#include <vector>

#include "addon/args.h"
#include "addon/errors.h"
#include "addon/ops.h"
#include "addon/ops_internal.h"
#include "addon/quantizer_args.h"
#include "quant/error_measures.h"
#include "quant/fake_quant.h"
#include "quant/packing.h"
#include "quant/quantize_by_range.h"
#include "quant/range.h"

namespace qat::addon {
namespace {

// An affine quantizer given by its numbers. Owns the scales the parameters point into.
struct AffineQuantizer {
  Scales scales;
  QuantParams params;
  int64_t scale_count = 0;
};

void set_layout(AffineQuantizer* quantizer, Napi::Value group_size, int64_t rows, int64_t cols) {
  const auto count = static_cast<int64_t>(quantizer->scales.scales.size());
  quantizer->scale_count = count;
  quantizer->params.group_cols = cols;
  if (!is_absent(group_size)) {
    const int64_t group = integer_in(group_size, "q.groupSize", 1, kMaxExtent);
    const int64_t per_row = (cols + group - 1) / group;
    if (count != rows * per_row) {
      fail_argument("q.scales must hold " + std::to_string(rows * per_row) +
                    " values for groups of " + std::to_string(group) + ", not " +
                    std::to_string(count) + ".");
    }
    quantizer->params.group_cols = group;
    quantizer->params.row_stride = per_row;
  } else if (count != 1) {
    if (count != rows) {
      fail_argument("q.scales must hold 1 value, or one for each of the " + std::to_string(rows) +
                    " rows, not " + std::to_string(count) + ".");
    }
    quantizer->params.row_stride = 1;
  }
}

// Thresholds make the quantizer a ternary one.
void check_ternary(const QuantParams& params, const Scales& scales) {
  const size_t count = scales.scales.size();
  if (scales.thresholds.empty()) {
    if (!scales.negative_scales.empty()) fail_argument("q.negativeScales needs q.thresholds.");
    return;
  }
  if (scales.thresholds.size() != count ||
      (!scales.negative_scales.empty() && scales.negative_scales.size() != count)) {
    fail_argument("q.thresholds and q.negativeScales must hold as many values as q.scales.");
  }
  if (params.qmin != -1 || params.qmax != 1 || params.offset != 0 || !scales.zero_points.empty()) {
    fail_argument("q.thresholds goes with codes from -1 to 1, without zero points and offset.");
  }
}

// Fills *quantizer in place: its parameters point into its own scales.
void read_affine(Napi::Value value, int64_t rows, int64_t cols, AffineQuantizer* quantizer) {
  const Napi::Object given = object(value, "q");
  QuantParams& params = quantizer->params;
  params.qmin = static_cast<int32_t>(integer_in(given.Get("qmin"), "q.qmin", -255, 255));
  params.qmax = static_cast<int32_t>(integer_in(given.Get("qmax"), "q.qmax", -255, 255));
  if (params.qmax <= params.qmin || params.qmax - params.qmin > 255) {
    fail_argument("q.qmax must be above q.qmin by 1 to 255.");
  }
  Scales& scales = quantizer->scales;
  scales = scales_from(given, "q");
  if (!scales.zero_points.empty() && scales.zero_points.size() != scales.scales.size()) {
    fail_argument("q.zeroPoints must be empty or hold as many values as q.scales.");
  }
  for (const int32_t zero_point : scales.zero_points) {
    if (zero_point < params.qmin || zero_point > params.qmax) {
      fail_argument("q.zeroPoints must be codes from qmin to qmax; one is " +
                    std::to_string(zero_point) + ".");
    }
  }
  set_layout(quantizer, given.Get("groupSize"), rows, cols);
  const Napi::Value offset = given.Get("offset");
  if (!is_absent(offset)) {
    params.offset = static_cast<float>(number_in(offset, "q.offset", 0, 0.5));
    if (params.offset != 0.0f && params.offset != 0.5f) fail_argument("q.offset must be 0 or 0.5.");
  }
  check_ternary(params, scales);
  params.scale = scales.scales.data();
  params.zero_point = scales.zero_points.empty() ? nullptr : scales.zero_points.data();
  params.threshold = scales.thresholds.empty() ? nullptr : scales.thresholds.data();
  params.negative_scale = scales.negative_scales.empty() ? nullptr : scales.negative_scales.data();
}

int pack_bits(Napi::Value value) { return static_cast<int>(integer_in(value, "bits", 1, 8)); }

// Where an operation writes: a new array, or the one the caller gave, apart from all `inputs`.
Napi::Float32Array result_array(const Napi::CallbackInfo& info, size_t index,
                                std::initializer_list<Span<float>> inputs) {
  const size_t size = inputs.begin()->size;
  const Napi::Value into = info[index];
  if (is_absent(into)) return Napi::Float32Array::New(info.Env(), size);
  const float* y = floats(into, "into", static_cast<int64_t>(size)).data;
  for (const Span<float>& x : inputs) {
    if (x.data < y + size && y < x.data + x.size) fail_argument("into must not share memory with the inputs.");
  }
  return into.As<Napi::Float32Array>();
}

void require_nothing_found(const FiniteCheck& check, Span<float> values, const std::string& name) {
  if (check.found() >= 0) require_finite(values, name);
}

}  // namespace

Napi::Value op_fake_quant(const Napi::CallbackInfo& info) {
  const MatrixArgument x = unchecked_matrix(info[0], info[1], info[2], "x");
  AffineQuantizer quantizer;
  read_affine(info[3], x.rows, x.cols, &quantizer);
  Napi::Float32Array y = result_array(info, 4, {x.values});
  FiniteCheck check;
  fake_quantize(x.values.data, y.Data(), x.rows, x.cols, quantizer.params, false, nullptr, &check);
  require_nothing_found(check, x.values, "x");
  return y;
}

Napi::Value op_fake_quant_backward(const Napi::CallbackInfo& info) {
  const MatrixArgument x = unchecked_matrix(info[0], info[2], info[3], "x");
  const Span<float> dy = floats(info[1], "dy", x.rows * x.cols);
  AffineQuantizer quantizer;
  read_affine(info[4], x.rows, x.cols, &quantizer);
  const double grad_scale = finite_number(info[5], "gradScale");
  Napi::Float32Array dx = result_array(info, 6, {x.values, dy});
  std::vector<double> sums(static_cast<size_t>(quantizer.scale_count));
  FiniteCheck check_x, check_dy;
  fake_quantize_backward(x.values.data, dy.data, dx.Data(), sums.data(), quantizer.scale_count,
                         x.rows, x.cols, quantizer.params, &check_x, &check_dy);
  require_nothing_found(check_x, x.values, "x");
  require_nothing_found(check_dy, dy, "dy");
  std::vector<float> dscale(sums.size());
  for (size_t i = 0; i < sums.size(); ++i) dscale[i] = static_cast<float>(sums[i] * grad_scale);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("dx", dx);
  result.Set("dScale", to_js(info.Env(), dscale));
  return result;
}

Napi::Value op_estimate_scales(const Napi::CallbackInfo& info) {
  const MatrixArgument x = matrix_argument(info[0], info[1], info[2], "x");
  const WeightOptions options = weight_quantizer(info[3], "quantizer");
  validate(options.quantizer);  // refuses 32 bits: a float weight has no scales
  return scales_to_js(
      info.Env(), estimate_scales(x.values.data, x.rows, x.cols, options.quantizer));
}

Napi::Value op_quantize_weight(const Napi::CallbackInfo& info) {
  const MatrixArgument x = unchecked_matrix(info[0], info[1], info[2], "x");
  const WeightOptions options = weight_quantizer(info[3], "quantizer");
  validate(options.quantizer);  // refuses 32 bits
  QuantizedWeight weight;
  weight.config = options.quantizer;
  weight.rows = x.rows;
  weight.cols = x.cols;
  const int64_t size = x.rows * packed_row_bytes(x.cols, options.quantizer.bits);
  Napi::Uint8Array packed = Napi::Uint8Array::New(info.Env(), static_cast<size_t>(size));
  FiniteCheck check;
  weight.scales = quantize_by_range(x.values.data, x.rows, x.cols, options.quantizer, packed.Data(), &check);
  require_nothing_found(check, x.values, "x");
  return quantized_weight_to_js(info.Env(), weight, packed);
}

Napi::Value op_quantization_errors(const Napi::CallbackInfo& info) {
  const Span<float> x = floats(info[0], "x");
  if (x.size == 0) fail_argument("x must hold at least one value.");
  if (!info[1].IsArray()) fail_argument("candidates must be an array.");
  const Napi::Array given = info[1].As<Napi::Array>();
  std::vector<GridScale> candidates;
  for (uint32_t i = 0; i < given.Length(); ++i) {
    const Napi::Object candidate = object(given.Get(i), "candidates");
    const double scale = finite_number(candidate.Get("scale"), "scale");
    if (!(scale > 0)) fail_argument("scale must be above 0.");
    candidates.push_back({static_cast<float>(scale), static_cast<int32_t>(integer_in(candidate.Get("qmin"), "qmin", -255, 0)),
                          static_cast<int32_t>(integer_in(candidate.Get("qmax"), "qmax", 0, 255))});
  }
  FiniteCheck check;
  const std::vector<double> errors = mean_squared_errors(x.data, static_cast<int64_t>(x.size), candidates, &check);
  require_nothing_found(check, x, "x");
  return to_js(info.Env(), errors);
}

Napi::Value pack_codes_array(const Napi::CallbackInfo& info) {
  const int64_t rows = extent(info[1], "rows");
  const int64_t cols = extent(info[2], "cols");
  const Span<uint8_t> codes = bytes(info[0], "codes", element_count(rows, cols, "codes"));
  return to_js(info.Env(), pack_codes(codes.data, rows, cols, pack_bits(info[3])));
}

Napi::Value unpack_codes_array(const Napi::CallbackInfo& info) {
  const int64_t rows = extent(info[1], "rows");
  const int64_t cols = extent(info[2], "cols");
  const int bits = pack_bits(info[3]);
  element_count(rows, cols, "codes");
  const Span<uint8_t> packed = bytes(info[0], "packed", rows * packed_row_bytes(cols, bits));
  return to_js(info.Env(), unpack_codes(packed.data, rows, cols, bits));
}

}  // namespace qat::addon
