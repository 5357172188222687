// Bounds on what a layer may be told, and the errors for what is beyond them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace qat {

constexpr int64_t kMaxChannels = INT64_C(1) << 24;
constexpr int64_t kMaxWeights = INT64_C(1) << 32;

// E-NATIVE-ARGUMENT unless `value` is 1 … kMaxChannels.
void require_layer_size(const char* name, int64_t value);
// E-NATIVE-ARGUMENT unless a weight of rows × cols can be made; `what` names the layer.
void require_weight_shape(const char* what, int64_t in_channels, int64_t rows, int64_t cols);
// E-WEIGHT-SHAPE unless got == expected.
void require_count(const char* what, size_t got, size_t expected);
// E-WEIGHT-NOT-FINITE naming the first NaN or infinity.
void require_finite_values(const std::string& what, const float* values, size_t count);

}  // namespace qat
