// XNOR dot products, eight bytes at a time. Include after vec_*.h.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/isa_kernels.h"

namespace qat::QAT_ISA {

int64_t xnor_popcount(const uint8_t* a, const uint8_t* b, int64_t cols) {
  int64_t different = 0;
  int64_t at = 0;
  const int64_t whole = cols / 8;
  for (; at + 8 <= whole; at += 8) {
    uint64_t left, right;
    std::memcpy(&left, a + at, 8);
    std::memcpy(&right, b + at, 8);
    different += __builtin_popcountll(left ^ right);
  }
  for (; at < whole; ++at) different += __builtin_popcount(a[at] ^ b[at]);
  if (cols & 7) {
    const unsigned used = (1u << (cols & 7)) - 1u;
    different += __builtin_popcount((a[at] ^ b[at]) & used);
  }
  return cols - different;
}

}  // namespace qat::QAT_ISA
