#include "runtime/hash.h"

#include <cstring>

namespace qat {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87ULL;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FULL;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9ULL;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63ULL;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5ULL;

uint64_t rotate_left(uint64_t x, int r) { return (x << r) | (x >> (64 - r)); }

template <typename T>
T read(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

uint64_t mix(uint64_t acc, uint64_t lane) {
  return rotate_left(acc + lane * kPrime2, 31) * kPrime1;
}

uint64_t merge(uint64_t hash, uint64_t acc) {
  return (hash ^ mix(0, acc)) * kPrime1 + kPrime4;
}

uint64_t finish(uint64_t hash, const uint8_t* p, size_t left) {
  for (; left >= 8; left -= 8, p += 8) {
    hash = rotate_left(hash ^ mix(0, read<uint64_t>(p)), 27) * kPrime1 + kPrime4;
  }
  if (left >= 4) {
    hash = rotate_left(hash ^ (read<uint32_t>(p) * kPrime1), 23) * kPrime2 + kPrime3;
    p += 4;
    left -= 4;
  }
  for (; left > 0; --left, ++p) hash = rotate_left(hash ^ (*p * kPrime5), 11) * kPrime1;
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

}  // namespace

uint64_t xxh64(const void* data, size_t size, uint64_t seed) {
  const uint8_t* p = static_cast<const uint8_t*>(data);
  uint64_t hash = seed + kPrime5;
  size_t left = size;
  if (size >= 32) {
    uint64_t acc[4] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
    for (; left >= 32; left -= 32, p += 32) {
      for (int i = 0; i < 4; ++i) acc[i] = mix(acc[i], read<uint64_t>(p + 8 * i));
    }
    hash = rotate_left(acc[0], 1) + rotate_left(acc[1], 7) + rotate_left(acc[2], 12) +
           rotate_left(acc[3], 18);
    for (uint64_t a : acc) hash = merge(hash, a);
  }
  return finish(hash + size, p, left);
}

std::string hash_hex(uint64_t hash) {
  const char* digits = "0123456789abcdef";
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, hash >>= 4) text[static_cast<size_t>(i)] = digits[hash & 15];
  return text;
}

}  // namespace qat
