// Packing of codes, a vector at a time where a byte holds whole codes, else eight in one 64-bit word. Include after vec_*.h.
#pragma once

#include <cstdint>

#include "qat/kernels.h"

namespace qat::QAT_ISA {
namespace {

// Eight bytes that hold `bits`-bit codes -> 8 * bits bits, the first code lowest: neighbours are
// merged in pairs, fours and eights.
inline uint64_t squeeze(uint64_t w, int bits) {
  const uint64_t even8 = 0x00ff00ff00ff00ffULL, even16 = 0x0000ffff0000ffffULL;
  const uint64_t even32 = 0x00000000ffffffffULL;
  w = (w & even8) | ((w & ~even8) >> (8 - bits));
  w = (w & even16) | ((w & ~even16) >> (16 - 2 * bits));
  return (w & even32) | ((w & ~even32) >> (32 - 4 * bits));
}

inline uint64_t spread(uint64_t w, int bits) {
  const uint64_t four = (uint64_t{1} << (4 * bits)) - 1;
  const uint64_t two = (uint64_t{1} << (2 * bits)) - 1;
  const uint64_t one = (uint64_t{1} << bits) - 1;
  w = (w & four) | ((w & ~four) << (32 - 4 * bits));
  w = (w & (two * 0x0000000100000001ULL)) |
      ((w & ((two << (2 * bits)) * 0x0000000100000001ULL)) << (16 - 2 * bits));
  return (w & (one * 0x0001000100010001ULL)) |
         ((w & ((one << bits) * 0x0001000100010001ULL)) << (8 - bits));
}

}  // namespace

void pack_row(const uint8_t* codes, uint8_t* packed, int64_t cols, int bits) {
  const int64_t bytes = (cols * bits + 7) / 8;
  int64_t c = 0, at = 0;
  if (bits == 1 || bits == 2 || bits == 4) {
    for (; c + kPackedCodes <= cols; c += kPackedCodes, at += kPackedCodes / 8 * bits) {
      pack_vector(codes + c, packed + at, bits);
    }
  }
  for (; c + 8 <= cols; c += 8, at += bits) {
    uint64_t word;
    __builtin_memcpy(&word, codes + c, 8);
    word = squeeze(word, bits);
    if (at + 8 <= bytes) {  // bytes past this word's codes are written again below
      __builtin_memcpy(packed + at, &word, 8);
    } else {
      for (int64_t i = 0; i < bits; ++i) packed[at + i] = static_cast<uint8_t>(word >> (8 * i));
    }
  }
  uint64_t rest = 0;
  for (int64_t i = 0; c + i < cols; ++i) rest |= static_cast<uint64_t>(codes[c + i]) << (bits * i);
  for (int64_t i = 0; at + i < bytes; ++i) packed[at + i] = static_cast<uint8_t>(rest >> (8 * i));
}

void unpack_row(const uint8_t* packed, uint8_t* codes, int64_t cols, int bits) {
  const int64_t bytes = (cols * bits + 7) / 8;
  const uint64_t field = bits == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * bits)) - 1;
  for (int64_t c = 0, at = 0; c < cols; c += 8, at += bits) {
    uint64_t word = 0;
    if (at + 8 <= bytes) {
      __builtin_memcpy(&word, packed + at, 8);
    } else {
      for (int64_t i = 0; at + i < bytes; ++i) {
        word |= static_cast<uint64_t>(packed[at + i]) << (8 * i);
      }
    }
    word = spread(word & field, bits);
    if (c + 8 <= cols) {
      __builtin_memcpy(codes + c, &word, 8);
    } else {
      for (int64_t i = 0; c + i < cols; ++i) codes[c + i] = static_cast<uint8_t>(word >> (8 * i));
    }
  }
}

}  // namespace qat::QAT_ISA
