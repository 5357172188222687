// xxHash64 (Yann Collet's published algorithm): content hashes of tensors. Not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace qat {

uint64_t xxh64(const void* data, size_t size, uint64_t seed = 0);
// 16 lower-case hex digits.
std::string hash_hex(uint64_t hash);

}  // namespace qat
