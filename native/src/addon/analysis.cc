#include "addon/analysis.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "addon/args.h"
#include "addon/cancel_handle.h"
#include "addon/errors.h"
#include "addon/float_what_if.h"
#include "addon/job.h"
#include "addon/known_scales.h"
#include "addon/quantizer_args.h"
#include "addon/tensor_handle.h"
#include "nn/method_values.h"
#include "quant/analysis.h"
#include "quant/statistics.h"

namespace qat::addon {
namespace {

constexpr int64_t kMaxExactBins = int64_t{1} << 20;
constexpr int64_t kMaxDrawnBins = 4096;
constexpr size_t kMaxPercentiles = 1024;

// --- results to JavaScript ----------------------------------------------------------------------

Napi::Object to_js(Napi::Env env, const Statistics& s) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("count", static_cast<double>(s.count));
  result.Set("min", s.min);
  result.Set("max", s.max);
  result.Set("mean", s.mean);
  result.Set("std", s.std);
  result.Set("absMax", s.abs_max);
  result.Set("absMean", s.abs_mean);
  result.Set("skewness", s.skewness);
  result.Set("kurtosisExcess", s.kurtosis_excess);
  result.Set("zeroShare", s.zero_share);
  Napi::Array percentiles = Napi::Array::New(env, s.percentiles.size());
  for (size_t i = 0; i < s.percentiles.size(); ++i) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("p", s.percentiles[i].p);
    entry.Set("value", s.percentiles[i].value);
    percentiles.Set(static_cast<uint32_t>(i), entry);
  }
  result.Set("percentiles", percentiles);
  return result;
}

Napi::Object to_js(Napi::Env env, const Histogram& h, const std::vector<int64_t>& drawn) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("low", h.low);
  result.Set("high", h.high);
  result.Set("exactBins", static_cast<double>(h.counts.size()));
  result.Set("counts", counts_to_js(env, drawn));
  result.Set("below", static_cast<double>(h.below));
  result.Set("above", static_cast<double>(h.above));
  return result;
}

Napi::Object to_js(Napi::Env env, const QuantizationError& e) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("bits", e.bits);
  result.Set("mse", e.mse);
  result.Set("sqnrDb", e.exact ? env.Null() : finite_or_null(env, e.sqnr_db));
  result.Set("cosine", e.cosine);
  result.Set("maxError", e.max_error);
  result.Set("clippedShare", e.clipped_share);
  result.Set("codesUsed", static_cast<double>(e.codes_used));
  result.Set("codesTotal", static_cast<double>(e.codes_total));
  result.Set("codeEntropyBits", e.code_entropy_bits);
  result.Set("effectiveBits", e.effective_bits);
  result.Set("packedBytes", static_cast<double>(e.packed_bytes));
  return result;
}

Napi::Value index_or_null(Napi::Env env, int64_t index) {
  if (index < 0) return env.Null();
  return Napi::Number::New(env, static_cast<double>(index));
}

Napi::Object to_js(Napi::Env env, const Levels& l) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("values", numbers_to_js(env, l.values));
  result.Set("clipLow", l.clip_low);
  result.Set("clipHigh", l.clip_high);
  result.Set("scale", l.scale);
  result.Set("zeroPoint", l.zero_point);
  result.Set("row", index_or_null(env, l.row));
  result.Set("group", index_or_null(env, l.group));
  result.Set("scaleCount", static_cast<double>(l.scale_count));
  result.Set("scaleMin", l.scale_min);
  result.Set("scaleMax", l.scale_max);
  return result;
}

Napi::Object to_js(Napi::Env env, const WhatIf& w) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("error", to_js(env, w.error));
  result.Set("levels", to_js(env, w.levels));
  result.Set("codeCounts", counts_to_js(env, w.code_counts));
  result.Set("quantizedCounts", counts_to_js(env, w.quantized_counts));
  result.Set("meanErrorByBin", numbers_to_js(env, w.mean_error_by_bin));
  Napi::Array rows = Napi::Array::New(env, w.row_sqnr.size());
  for (size_t i = 0; i < w.row_sqnr.size(); ++i) {
    const RowSqnr& row = w.row_sqnr[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("row", static_cast<double>(row.row));
    entry.Set("sqnrDb", row.exact ? env.Null() : finite_or_null(env, row.sqnr_db));
    rows.Set(static_cast<uint32_t>(i), entry);
  }
  result.Set("rowSqnrDb", rows);
  result.Set("nativeMs", w.native_ms);
  return result;
}

Napi::Object to_js(Napi::Env env, const Analysis& a) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("statistics", to_js(env, a.statistics));
  result.Set("histogram", to_js(env, a.histogram, a.drawn_counts));
  Napi::Array by_bits = Napi::Array::New(env, a.by_bits.size());
  for (size_t i = 0; i < a.by_bits.size(); ++i) {
    by_bits.Set(static_cast<uint32_t>(i), to_js(env, a.by_bits[i]));
  }
  result.Set("byBits", by_bits);
  result.Set("nativeMs", a.native_ms);
  return result;
}

// --- arguments -----------------------------------------------------------------------------------

std::optional<ValueRange> range_argument(Napi::Value value, const std::string& what) {
  if (is_absent(value)) return std::nullopt;
  const Napi::Object given = object(value, what);
  ValueRange range;
  range.low = finite_number(given.Get("low"), what + ".low");
  range.high = finite_number(given.Get("high"), what + ".high");
  if (!(range.high > range.low)) fail_argument(what + ".high must be above " + what + ".low.");
  if (!std::isfinite(range.high - range.low)) fail_argument(what + " must have a finite width.");
  return range;
}

void check_bins(int64_t exact, int64_t drawn) {
  if (exact % drawn != 0) {
    fail_argument("options.drawnBins must divide options.exactBins; " + std::to_string(drawn) +
                  " does not divide " + std::to_string(exact) + ".");
  }
}

// What is asked about a tensor.
struct Question {
  AnalyzeOptions options;
  Method method = Method::kLsq;  // of the quantizer
};

Question question(Napi::Value value, const TensorData& tensor) {
  const Napi::Object given = object(value, "options");
  const WeightOptions weight = weight_quantizer(given.Get("quantizer"), "options.quantizer");
  AnalyzeOptions options;
  options.config = weight.quantizer;
  if (options.config.bits != kFloatBits) validate(options.config);
  const Napi::Value row = given.Get("row");
  options.row = is_absent(row) ? -1 : integer_in(row, "options.row", 0, tensor.rows - 1);
  options.range = range_argument(given.Get("range"), "options.range");
  options.exact_bins = integer_in(given.Get("exactBins"), "options.exactBins", 1, kMaxExactBins);
  options.drawn_bins = integer_in(given.Get("drawnBins"), "options.drawnBins", 1, kMaxDrawnBins);
  check_bins(options.exact_bins, options.drawn_bins);
  const Napi::Value scales = given.Get("scales");
  if (!is_absent(scales) && options.config.bits != kFloatBits) {
    options.scales = scales_from(object(scales, "options.scales"), "options.scales");
    validate_scales(options.config, scale_layout(options.config, tensor.rows, tensor.cols),
                    *options.scales);
  }
  return {std::move(options), weight.method};
}

// What a question is about: the weight, or what its method rounds, which the method sets the scales of.
class Subject {
 public:
  Subject(const TensorData& tensor, const Question& asked, const CancelToken* cancel)
      : options_(asked.options),
        own_(method_values({asked.options.config, asked.method}, tensor.values.data(),
                           tensor.rows, tensor.cols, cancel)),
        values_(own_ ? own_->values.data() : tensor.values.data()) {
    if (!own_) return;
    options_.scales_by_bits = own_->scales_by_bits;
    const auto index = static_cast<size_t>(options_.config.bits - 1);
    if (!options_.scales) options_.scales = own_->scales_by_bits[index];
  }
  bool is_weight() const { return !own_; }
  const float* values() const { return values_; }
  AnalyzeOptions& options() { return options_; }

 private:
  AnalyzeOptions options_;
  std::optional<MethodValues> own_;
  const float* values_;
};

std::vector<double> percentiles_argument(Napi::Value value) {
  if (is_absent(value)) return default_percentiles();
  const Napi::Array given = array(value, "percentiles", kMaxPercentiles);
  std::vector<double> result;
  for (uint32_t i = 0; i < given.Length(); ++i) {
    result.push_back(number_in(given.Get(i), "percentiles[" + std::to_string(i) + "]", 0, 100));
  }
  return result;
}

Histogram full_histogram(const TensorData& tensor, std::optional<ValueRange> range, int64_t bins) {
  if (!range) {
    const Statistics s = compute_statistics(tensor.values.data(), tensor.count(), {});
    range = histogram_range(s.min, s.max);
  }
  return compute_histogram(tensor.values.data(), tensor.count(), *range, bins);
}

}  // namespace

Napi::Value thumbnail(const Napi::CallbackInfo& info) {
  auto tensor = tensor_argument(info[0], "tensor");
  const int64_t bins = integer_in(info[1], "bins", 1, kMaxDrawnBins);
  return Job<Histogram>::start(
      info.Env(), "qat.thumbnail", std::make_shared<CancelToken>(),
      [tensor, bins] { return full_histogram(*tensor, std::nullopt, bins); },
      [](Napi::Env env, Histogram& h) -> Napi::Value { return counts_to_js(env, h.counts); });
}

Napi::Value statistics(const Napi::CallbackInfo& info) {
  auto tensor = tensor_argument(info[0], "tensor");
  std::vector<double> percentiles = percentiles_argument(info[1]);
  return Job<Statistics>::start(
      info.Env(), "qat.statistics", std::make_shared<CancelToken>(),
      [tensor, percentiles = std::move(percentiles)] {
        return compute_statistics(tensor->values.data(), tensor->count(), percentiles);
      },
      [](Napi::Env env, Statistics& s) -> Napi::Value { return to_js(env, s); });
}

Napi::Value histogram(const Napi::CallbackInfo& info) {
  auto tensor = tensor_argument(info[0], "tensor");
  const int64_t bins = integer_in(info[1], "bins", 1, kMaxExactBins);
  std::optional<ValueRange> range = range_argument(info[2], "range");
  return Job<Histogram>::start(
      info.Env(), "qat.histogram", std::make_shared<CancelToken>(),
      [tensor, bins, range] { return full_histogram(*tensor, range, bins); },
      [](Napi::Env env, Histogram& h) -> Napi::Value { return to_js(env, h, h.counts); });
}

Napi::Value analyze_tensor(const Napi::CallbackInfo& info) {
  auto tensor = tensor_argument(info[0], "tensor");
  Question asked = question(info[1], *tensor);
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[2]);
  return Job<Analysis>::start(
      info.Env(), "qat.analyze", cancel,
      [tensor, asked = std::move(asked), cancel] {
        Subject subject(*tensor, asked, cancel.get());
        AnalyzeOptions& options = subject.options();
        // A float layer is analysed too: the analysis covers bits 1-8 whatever the quantizer's are.
        if (options.config.bits == kFloatBits) options.config = with_bits(options.config, 8);
        Analysis result =
            analyze(subject.values(), tensor->rows, tensor->cols, options, cancel.get());
        if (subject.is_weight()) remember_scales(*tensor, options, &result);
        return result;
      },
      [](Napi::Env env, Analysis& a) -> Napi::Value { return to_js(env, a); });
}

Napi::Value what_if_tensor(const Napi::CallbackInfo& info) {
  auto tensor = tensor_argument(info[0], "tensor");
  Question asked = question(info[1], *tensor);
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[2]);
  return Job<WhatIf>::start(
      info.Env(), "qat.whatIf", cancel,
      [tensor, asked = std::move(asked), cancel] {
        Subject subject(*tensor, asked, cancel.get());
        if (subject.is_weight()) use_known_scales(*tensor, &subject.options());
        const bool is_float = subject.options().config.bits == kFloatBits;
        return (is_float ? float_what_if : what_if)(subject.values(), tensor->rows, tensor->cols,
                                                    subject.options(), cancel.get());
      },
      [](Napi::Env env, WhatIf& w) -> Napi::Value { return to_js(env, w); });
}

}  // namespace qat::addon
