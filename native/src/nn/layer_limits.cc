#include "nn/layer_limits.h"

#include "qat/error.h"
#include "quant/statistics.h"

namespace qat {

void require_layer_size(const char* name, int64_t value) {
  if (value >= 1 && value <= kMaxChannels) return;
  throw Error("E-NATIVE-ARGUMENT",
              std::string("A layer cannot have ") + name + " of " + std::to_string(value) + ".",
              "Use 1 to 16777216.");
}

void require_weight_shape(const char* what, int64_t in_channels, int64_t rows, int64_t cols) {
  const auto fits = [](int64_t n) { return n >= 1 && n <= kMaxChannels; };
  if (fits(in_channels) && fits(rows) && fits(cols) && cols <= kMaxWeights / rows) return;
  throw Error("E-NATIVE-ARGUMENT",
              std::string("A ") + what + " layer of " + std::to_string(in_channels) +
                  " inputs and " + std::to_string(rows) + " outputs cannot be made.",
              "Use 1 to 16777216 channels and at most 4294967296 weights.");
}

void require_count(const char* what, size_t got, size_t expected) {
  if (got == expected) return;
  throw Error("E-WEIGHT-SHAPE",
              std::string(what) + " has " + std::to_string(got) + " values; the layer needs " +
                  std::to_string(expected) + ".",
              "Pass the values of this layer's shape in row-major order.");
}

void require_finite_values(const std::string& what, const float* values, size_t count) {
  const int64_t bad = find_not_finite(values, static_cast<int64_t>(count));
  if (bad < 0) return;
  throw Error("E-WEIGHT-NOT-FINITE", what + " value " + std::to_string(bad) + " is NaN or infinite.",
              "Use a checkpoint without NaN or infinity.");
}

}  // namespace qat
