// Post-training changes to float layers, and the allocation of bits to them, on arrays.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/cancel_handle.h"
#include "addon/errors.h"
#include "addon/job.h"
#include "addon/ops_internal.h"
#include "ptq/batch_norm_folding.h"
#include "ptq/bias_correction.h"
#include "ptq/bit_allocation.h"
#include "ptq/equalization.h"

namespace qat::addon {
namespace {

constexpr size_t kMaxLayers = 65536, kMaxChoices = 255;
constexpr int64_t kMaxCost = int64_t{1} << 53;

// A float layer, copied.
struct FloatLayer {
  std::vector<float> weight, bias;
  int64_t rows = 0, cols = 0;
};

struct Equalized {
  std::vector<FloatLayer> layers;
  Equalization equalization;
};

FloatLayer layer_from(Napi::Value value, const std::string& what) {
  const Napi::Object given = object(value, what);
  FloatLayer layer;
  layer.rows = extent(given.Get("rows"), what + ".rows");
  layer.cols = extent(given.Get("cols"), what + ".cols");
  const int64_t count = element_count(layer.rows, layer.cols, what);
  layer.weight = finite_floats(given.Get("weight"), what + ".weight", count).copy();
  const Napi::Value bias = given.Get("bias");
  if (!is_absent(bias)) layer.bias = finite_floats(bias, what + ".bias", layer.rows).copy();
  return layer;
}

Napi::Value equalized_to_js(Napi::Env env, Equalized& result) {
  Napi::Array layers = Napi::Array::New(env, result.layers.size());
  for (size_t i = 0; i < result.layers.size(); ++i) {
    const FloatLayer& layer = result.layers[i];
    Napi::Object changed = Napi::Object::New(env);
    changed.Set("weight", to_js(env, layer.weight));
    changed.Set("bias", layer.bias.empty() ? env.Null() : Napi::Value(to_js(env, layer.bias)));
    layers.Set(static_cast<uint32_t>(i), changed);
  }
  const auto& factors = result.equalization.scales;
  Napi::Array scales = Napi::Array::New(env, factors.size());
  for (size_t i = 0; i < factors.size(); ++i) {
    scales.Set(static_cast<uint32_t>(i), to_js(env, factors[i]));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("layers", layers);
  object.Set("scales", scales);
  object.Set("sweeps", static_cast<double>(result.equalization.sweeps));
  return object;
}

std::vector<BitChoice> choices_from(Napi::Value value, const std::string& what) {
  const Napi::Array given = array(value, what, kMaxChoices);
  std::vector<BitChoice> choices(given.Length());
  for (uint32_t k = 0; k < given.Length(); ++k) {
    const std::string name = what + "[" + std::to_string(k) + "]";
    const Napi::Object choice = object(given.Get(k), name);
    choices[k].sensitivity = finite_number(choice.Get("sensitivity"), name + ".sensitivity");
    choices[k].cost = integer_in(choice.Get("cost"), name + ".cost", 0, kMaxCost);
  }
  return choices;
}

}  // namespace

Napi::Value op_equalize(const Napi::CallbackInfo& info) {
  const Napi::Array given = array(info[0], "layers", kMaxLayers);
  auto layers = std::make_shared<std::vector<FloatLayer>>();
  for (uint32_t i = 0; i < given.Length(); ++i) {
    layers->push_back(layer_from(given.Get(i), "layers[" + std::to_string(i) + "]"));
  }
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[1]);
  return Job<Equalized>::start(
      info.Env(), "qat.equalize", cancel,
      [layers, cancel] {
        std::vector<EqualizedLayer> views;
        for (FloatLayer& layer : *layers) {
          float* bias = layer.bias.empty() ? nullptr : layer.bias.data();
          views.push_back({layer.weight.data(), layer.rows, layer.cols, bias});
        }
        Equalized result;
        result.equalization = equalize(views, cancel.get());
        result.layers = std::move(*layers);
        return result;
      },
      equalized_to_js);
}

Napi::Value op_bias_correction(const Napi::CallbackInfo& info) {
  const int64_t rows = extent(info[2], "rows"), cols = extent(info[3], "cols");
  const int64_t count = element_count(rows, cols, "weight");
  const Span<float> weight = finite_floats(info[0], "weight", count);
  const Span<float> quantized = finite_floats(info[1], "quantized", count);
  const Span<float> mean = finite_floats(info[4], "meanInput", cols);
  std::vector<float> bias = finite_floats(info[5], "bias", rows).copy();
  correct_bias(weight.data, quantized.data, rows, cols, mean.data, bias.data());
  return to_js(info.Env(), bias);
}

Napi::Value op_fold_batch_norm(const Napi::CallbackInfo& info) {
  const MatrixArgument given = matrix_argument(info[0], info[2], info[3], "weight");
  std::vector<float> weight = given.values.copy();
  std::vector<float> bias(static_cast<size_t>(given.rows), 0.0f);
  if (!is_absent(info[1])) bias = finite_floats(info[1], "bias", given.rows).copy();
  const Napi::Object norm = object(info[4], "norm");
  const auto channels = [&](const char* name) {
    return finite_floats(norm.Get(name), std::string("norm.") + name, given.rows).data;
  };
  FoldedBatchNorm folded;
  folded.gamma = channels("gamma");
  folded.beta = channels("beta");
  folded.mean = channels("mean");
  folded.variance = channels("variance");
  folded.epsilon = number_in(norm.Get("epsilon"), "norm.epsilon", 0, 1);
  fold_batch_norm(weight.data(), bias.data(), given.rows, given.cols, folded);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("weight", to_js(info.Env(), weight));
  result.Set("bias", to_js(info.Env(), bias));
  return result;
}

Napi::Value op_allocate_bits(const Napi::CallbackInfo& info) {
  const Napi::Array given = array(info[0], "table", kMaxLayers);
  auto table = std::make_shared<AllocationTable>();
  for (uint32_t i = 0; i < given.Length(); ++i) {
    table->push_back(choices_from(given.Get(i), "table[" + std::to_string(i) + "]"));
  }
  const int64_t budget = integer_in(info[1], "budget", 0, kMaxCost);
  const bool exact = choice(info[2], "method", {"exact", "greedy"}) == 0;
  std::shared_ptr<CancelToken> cancel = cancel_argument(info[3]);
  return Job<Allocation>::start(
      info.Env(), "qat.allocateBits", cancel,
      [table, budget, exact, cancel] {
        return exact ? allocate_exactly(*table, budget, cancel.get())
                     : allocate_greedily(*table, budget);
      },
      [](Napi::Env env, Allocation& allocation) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        const std::vector<int64_t> choices(allocation.choices.begin(), allocation.choices.end());
        object.Set("choices", counts_to_js(env, choices));
        object.Set("sensitivity", allocation.sensitivity);
        object.Set("cost", static_cast<double>(allocation.cost));
        return object;
      });
}

}  // namespace qat::addon
