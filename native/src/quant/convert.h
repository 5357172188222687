// Float formats of files to float32. Bytes are little-endian and may be unaligned.
#pragma once

#include <cstdint>

namespace qat {

enum class FloatType { kF32, kF16, kBf16, kF64 };

int64_t float_type_bytes(FloatType type);

// Converts n elements; returns the index of the first one that is NaN or infinite as float32 (an
// F64 beyond float32's range counts as infinite), or -1. Everything is converted either way.
int64_t convert_to_f32(FloatType type, const uint8_t* bytes, int64_t n, float* out);

// IEEE 754 binary16 to binary32 and back (round to nearest even), exact for every bit pattern.
float half_to_float(uint16_t half);
uint16_t float_to_half(float value);

}  // namespace qat
