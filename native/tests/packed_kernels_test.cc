// Packing and packed dot products of every level against ref and against plain arithmetic.
#include <algorithm>
#include <cmath>

#include "kernel_test_util.h"

using namespace qat_test;  // NOLINT
using qat::Kernels;

namespace {

std::vector<const Kernels*> all_levels() {
  std::vector<const Kernels*> levels = fast_levels();
  levels.push_back(&reference());
  return levels;
}

std::vector<uint8_t> random_codes(int64_t n, int bits, uint64_t seed) {
  qat::Rng rng(seed);
  std::vector<uint8_t> codes(static_cast<size_t>(n));
  for (uint8_t& c : codes) c = static_cast<uint8_t>(rng.below(uint64_t{1} << bits));
  return codes;
}

int64_t row_bytes(int64_t cols, int bits) { return (cols * bits + 7) / 8; }

}  // namespace

TEST(packing_is_lsb_first) {
  // Codes 1, 2, 3, 4, 5 of 3 bits: bits 001 010 011 100 101 from the lowest upwards.
  const uint8_t codes[] = {1, 2, 3, 4, 5};
  for (const Kernels* k : all_levels()) {
    uint8_t packed[2] = {0xff, 0xff};
    k->pack_row(codes, packed, 5, 3);
    CHECK_EQ(packed[0], uint8_t{0xd1});
    CHECK_EQ(packed[1], uint8_t{0x58});
  }
}

TEST(packing_round_trip_all_bits) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (const int64_t cols : odd_sizes()) {
      const std::vector<uint8_t> codes = random_codes(cols, bits, static_cast<uint64_t>(cols));
      Guarded<uint8_t> expected(row_bytes(cols, bits));
      reference().pack_row(codes.data(), expected.data(), cols, bits);
      for (const Kernels* k : all_levels()) {
        Guarded<uint8_t> packed(row_bytes(cols, bits)), unpacked(cols);
        k->pack_row(codes.data(), packed.data(), cols, bits);
        CHECK_IN(packed.same_bytes(expected) && packed.intact(), k->isa << " " << bits << " bits");
        k->unpack_row(packed.data(), unpacked.data(), cols, bits);
        CHECK_IN(std::equal(codes.begin(), codes.end(), unpacked.data()) && unpacked.intact(),
                 k->isa << " " << bits << " bits, " << cols << " columns");
      }
    }
  }
}

TEST(packed_dot_products_equal_plain_ones) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (const int64_t cols : odd_sizes()) {
      // Heap blocks of the exact size: a sanitizer sees any read past the row.
      const std::vector<uint8_t> codes = random_codes(cols, bits, 11);
      std::vector<uint8_t> packed(static_cast<size_t>(row_bytes(cols, bits)));
      reference().pack_row(codes.data(), packed.data(), cols, bits);
      std::vector<int16_t> a(static_cast<size_t>(cols));
      std::vector<float> af(a.size());
      qat::Rng rng(static_cast<uint64_t>(cols));
      for (size_t i = 0; i < a.size(); ++i) {
        a[i] = static_cast<int16_t>(static_cast<int>(rng.below(511)) - 255);
        af[i] = static_cast<float>(rng.normal());
      }
      for (const int64_t group : {cols, int64_t{1}, int64_t{7}, int64_t{16}, int64_t{40}}) {
        const int64_t groups = (cols + group - 1) / group;
        for (const int32_t offset : {0, -(1 << (bits - 1)), -255, 3}) {
          std::vector<int32_t> expected(static_cast<size_t>(groups), 0);
          std::vector<double> expected_f(expected.size(), 0), magnitude(expected.size(), 0);
          for (int64_t c = 0; c < cols; ++c) {
            const size_t g = static_cast<size_t>(c / group), i = static_cast<size_t>(c);
            const int32_t w = codes[i] + offset;
            expected[g] += a[i] * w;
            expected_f[g] += static_cast<double>(af[i]) * w;
            magnitude[g] += std::fabs(static_cast<double>(af[i]) * w);
          }
          for (const Kernels* k : all_levels()) {
            Guarded<int32_t> dots(groups);
            Guarded<float> dots_f(groups);
            k->dot_packed_row(a.data(), packed.data(), cols, bits, offset, group, dots.data());
            k->dot_packed_row_f32(af.data(), packed.data(), cols, bits, offset, group,
                                  dots_f.data());
            CHECK_IN(dots.intact() && dots_f.intact(), k->isa);
            for (int64_t g = 0; g < groups; ++g) {
              const size_t i = static_cast<size_t>(g);
              CHECK_IN(dots[g] == expected[i], k->isa << " " << bits << " bits, " << cols
                                                      << " columns, group " << group);
              CHECK_IN(std::fabs(dots_f[g] - expected_f[i]) <= 1e-6 * magnitude[i] + 1e-12,
                       k->isa << " " << bits << " bits, " << cols << " columns, group " << group);
            }
          }
        }
      }
    }
  }
}

TEST(xnor_popcount_ignores_padding_bits) {
  for (const int64_t cols : odd_sizes()) {
    const std::vector<uint8_t> a = random_codes(row_bytes(cols, 1), 8, 1);
    const std::vector<uint8_t> b = random_codes(row_bytes(cols, 1), 8, 2);
    int64_t expected = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const size_t byte = static_cast<size_t>(c >> 3);
      expected += ((a[byte] >> (c & 7)) & 1) == ((b[byte] >> (c & 7)) & 1);
    }
    for (const Kernels* k : all_levels()) {
      CHECK_IN(k->xnor_popcount(a.data(), b.data(), cols) == expected, k->isa << " " << cols);
    }
  }
}
