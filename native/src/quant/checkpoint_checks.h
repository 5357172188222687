// Checks on tensors that come from a checkpoint: E-NATIVE-ARGUMENT naming field, expected and got.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qat {

[[noreturn]] void fail_checkpoint(const std::string& message);
void require_size(const std::string& field, size_t got, int64_t expected);
void require_finite(const std::string& field, const std::vector<float>& values);

}  // namespace qat
