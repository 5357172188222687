#include "quant/convert.h"

#include <cstring>

#include "qat/kernels.h"

namespace qat {
namespace {

uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Little-endian, whatever the host is.
template <typename T>
T read_little(const uint8_t* p) {
  T word = 0;
  for (size_t i = 0; i < sizeof(T); ++i) word |= static_cast<T>(static_cast<T>(p[i]) << (8 * i));
  return word;
}

float element(FloatType type, const uint8_t* p) {
  switch (type) {
    case FloatType::kF16:
      return half_to_float(read_little<uint16_t>(p));
    case FloatType::kBf16:
      return from_bits(static_cast<uint32_t>(read_little<uint16_t>(p)) << 16);
    case FloatType::kF64: {
      const uint64_t word = read_little<uint64_t>(p);
      double value;
      std::memcpy(&value, &word, sizeof value);
      return static_cast<float>(value);
    }
    case FloatType::kF32:
      break;
  }
  return from_bits(read_little<uint32_t>(p));
}

template <FloatType kType>
void convert_all(const uint8_t* bytes, int64_t n, float* out) {
  const int64_t size = float_type_bytes(kType);
  for (int64_t i = 0; i < n; ++i) out[i] = element(kType, bytes + i * size);
}

}  // namespace

int64_t float_type_bytes(FloatType type) {
  switch (type) {
    case FloatType::kF16:
    case FloatType::kBf16:
      return 2;
    case FloatType::kF64:
      return 8;
    case FloatType::kF32:
      break;
  }
  return 4;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) return from_bits(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  if (magnitude >= 0x0400u) return from_bits(sign | ((magnitude << 13) + 0x38000000u));
  // A subnormal half is a whole number of 2^-24: exact in float.
  return from_bits(sign | bits_of(static_cast<float>(magnitude) * 0x1.0p-24f));
}

uint16_t float_to_half(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to infinity
  if (magnitude < 0x38800000u) {
    // Adding 0.5 leaves the multiple of 2^-24 in the low bits, rounded to nearest even.
    const uint32_t rounded = bits_of(from_bits(magnitude) + 0.5f) - 0x3f000000u;
    return static_cast<uint16_t>(sign | rounded);
  }
  const uint32_t even = (magnitude >> 13) & 1u;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + even) >> 13));
}

int64_t convert_to_f32(FloatType type, const uint8_t* bytes, int64_t n, float* out) {
  switch (type) {
    case FloatType::kF16:
      convert_all<FloatType::kF16>(bytes, n, out);
      break;
    case FloatType::kBf16:
      convert_all<FloatType::kBf16>(bytes, n, out);
      break;
    case FloatType::kF64:
      convert_all<FloatType::kF64>(bytes, n, out);
      break;
    case FloatType::kF32:
      convert_all<FloatType::kF32>(bytes, n, out);
      break;
  }
  return kernels().first_not_finite(out, n);
}

}  // namespace qat
