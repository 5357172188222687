// Packed words, zero points and double quantization of weight-only layers.
#include <algorithm>
#include <cmath>
#include <vector>

#include "nn_test_util.h"
#include "quant/double_quantization.h"
#include "quant/gptq_words.h"
#include "test_harness.h"

using namespace qat;

namespace {

std::vector<uint8_t> random_codes(int64_t count, int bits, uint64_t seed) {
  Rng rng(seed);
  std::vector<uint8_t> codes(static_cast<size_t>(count));
  for (uint8_t& code : codes) code = static_cast<uint8_t>(rng.below(uint64_t{1} << bits));
  return codes;
}

// Bit `bit` of output n's stream.
int stream_bit(const std::vector<int32_t>& words, int64_t out, int64_t n, int64_t bit) {
  return static_cast<uint32_t>(words[static_cast<size_t>(bit / 32 * out + n)]) >> (bit % 32) & 1;
}

}  // namespace

// Wrong bit order or field width: a checkpoint would load as other weights.
TEST(mpq_words_of_hand_vectors) {
  std::vector<uint8_t> codes(16, 0);
  codes[0] = 1, codes[1] = 2, codes[2] = 3;
  const std::vector<int32_t> word = pack_code_rows(codes.data(), uniform_code_rows(16, 2), 1);
  CHECK_EQ(word.size(), size_t{1});
  CHECK_EQ(word[0], 0x39);

  const std::vector<int32_t> eights(8, 8);
  const auto stored = pack_zero_points(eights.data(), 1, 8, 4, ZeroFormat::kGptq);
  CHECK_EQ(static_cast<uint32_t>(stored[0]), 0x77777777u);
  const auto fixed = pack_zero_points(eights.data(), 1, 8, 4, ZeroFormat::kGptqV2);
  CHECK_EQ(static_cast<uint32_t>(fixed[0]), 0x88888888u);
  const int32_t ones = -1;
  CHECK_EQ(unpack_zero_points(&ones, 1, 8, 4, ZeroFormat::kGptq)[3], 16);
  CHECK_EQ(unpack_zero_points(&ones, 1, 8, 4, ZeroFormat::kGptqV2)[3], 15);
}

// A 3-bit code that crosses a word border loses bits.
TEST(mpq_words_three_bits_cross_word_borders) {
  std::vector<uint8_t> codes(32, 0);
  codes[10] = 5;  // bits 30, 31 of word 0 and 0 of word 1
  codes[21] = 6;  // bit 31 of word 1 and 0, 1 of word 2
  const auto words = pack_code_rows(codes.data(), uniform_code_rows(32, 3), 1);
  CHECK_EQ(words.size(), size_t{3});
  CHECK_EQ(static_cast<uint32_t>(words[0]), 0x40000000u);
  CHECK_EQ(static_cast<uint32_t>(words[1]), 0x00000001u);
  CHECK_EQ(static_cast<uint32_t>(words[2]), 0x00000003u);
}

TEST(mpq_words_hold_every_width_and_odd_sizes) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (const int64_t in : {1, 5, 31, 32, 33, 77}) {
      for (const int64_t out : {1, 3, 8}) {
        const auto rows = uniform_code_rows(in, bits);
        const auto codes = random_codes(in * out, bits, static_cast<uint64_t>(100 * bits + in));
        const auto words = pack_code_rows(codes.data(), rows, out);
        CHECK_EQ(static_cast<int64_t>(words.size()), (in * bits + 31) / 32 * out);
        bool same = true;
        for (int64_t k = 0; k < in; ++k) {
          for (int64_t n = 0; n < out; ++n) {
            for (int b = 0; b < bits; ++b) {
              same &= stream_bit(words, out, n, k * bits + b) ==
                      (codes[static_cast<size_t>(k * out + n)] >> b & 1);
            }
          }
        }
        for (int64_t bit = in * bits; bit < word_count(in, bits) * 32; ++bit) {
          for (int64_t n = 0; n < out; ++n) same &= stream_bit(words, out, n, bit) == 0;
        }
        CHECK_IN(same, bits << " bits, " << in << " x " << out);
        CHECK_IN(unpack_code_rows(words.data(), rows, out) == codes, bits << ' ' << in);
      }
    }
  }
}

TEST(mpq_zero_points_hold_every_width_and_format) {
  for (const ZeroFormat format : {ZeroFormat::kGptq, ZeroFormat::kGptqV2}) {
    for (int bits = 1; bits <= 8; ++bits) {
      const int64_t groups = 3, out = 11;
      std::vector<int32_t> zeros;
      for (const uint8_t code : random_codes(groups * out, bits, 7)) {
        zeros.push_back(code + lowest_zero_point(format));
      }
      const auto words = pack_zero_points(zeros.data(), groups, out, bits, format);
      CHECK_EQ(static_cast<int64_t>(words.size()), groups * ((out * bits + 31) / 32));
      CHECK(unpack_zero_points(words.data(), groups, out, bits, format) == zeros);
    }
  }
}

// Zero − 1 of a zero point 0 would wrap around and read back as 2^bits.
TEST(mpq_zero_points_that_a_format_cannot_hold_are_refused) {
  const int32_t none = 0, most = 16;
  CHECK_THROWS(pack_zero_points(&none, 1, 1, 4, ZeroFormat::kGptq), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(pack_zero_points(&most, 1, 1, 4, ZeroFormat::kGptqV2), "E-NATIVE-ARGUMENT");
  const uint8_t code = 4;
  CHECK_THROWS(pack_code_rows(&code, uniform_code_rows(1, 2), 1), "E-NATIVE-ARGUMENT");
}

TEST(mpq_double_quantization_decodes_by_hand) {
  DoubleQuantized given{1, 3, 2, 4, {15, 2, 7, 0}, {0.5f, 0.25f}, {3, -1}};
  validate_double_quantized(given, "scales");
  const std::vector<float> values = double_dequantize(given);
  CHECK_EQ(values[0], 6.0f);
  CHECK_EQ(values[1], -0.5f);
  CHECK_EQ(values[2], 2.0f);
  const std::vector<uint8_t> high = {15, 2}, low = {1, 9};
  const std::vector<uint8_t> bytes = join_nibbles(high, low);
  CHECK_EQ(bytes[0], 0xf1);
  CHECK_EQ(bytes[1], 0x29);
  std::vector<uint8_t> split_high, split_low;
  split_nibbles(bytes, &split_high, &split_low);
  CHECK(split_high == high && split_low == low);
}

// Each value is off by at most half a step of its block; the ends of a block and constants are
// exact to rounding; codes survive a second round.
TEST(mpq_double_quantization_is_within_half_a_step) {
  const int64_t groups = 4, out = 21, block = 8;
  std::vector<float> values = nn_test::random_values(groups * out, 31, 0.01);
  for (int64_t n = 0; n < block; ++n) values[static_cast<size_t>(out + n)] = 0.3f;
  for (const int bits : {4, 8}) {
    const DoubleQuantized once = double_quantize(values.data(), groups, out, block, bits);
    validate_double_quantized(once, "values");
    const std::vector<float> back = double_dequantize(once);
    for (int64_t i = 0; i < groups * out; ++i) {
      const int64_t first = i / out * out + i % out / block * block;
      const int64_t last = std::min(first + block, i / out * out + out);
      const auto [low, high] = std::minmax_element(values.begin() + first, values.begin() + last);
      const double step = (*high - *low) / ((1 << bits) - 1);
      CHECK_NEAR(back[static_cast<size_t>(i)], values[static_cast<size_t>(i)],
                 0.5 * step + 1e-6 * std::fabs(values[static_cast<size_t>(i)]));
    }
    CHECK_EQ(back[static_cast<size_t>(out)], 0.3f);
    CHECK(double_quantize(back.data(), groups, out, block, bits).codes == once.codes);
  }
}

TEST(mpq_double_quantization_is_checked) {
  const DoubleQuantized good{1, 3, 2, 4, {15, 2, 7, 0}, {0.5f, 0.25f}, {3, -1}};
  DoubleQuantized wrong = good;
  wrong.codes.pop_back();
  CHECK_THROWS(validate_double_quantized(wrong, "scales"), "E-NATIVE-ARGUMENT");
  wrong = good;
  wrong.codes[0] = 16;
  CHECK_THROWS(validate_double_quantized(wrong, "scales"), "E-NATIVE-ARGUMENT");
  wrong = good;
  wrong.zeros[1] = NAN;
  CHECK_THROWS(validate_double_quantized(wrong, "scales"), "E-NATIVE-ARGUMENT");
  wrong = good;
  wrong.scales.push_back(1);
  CHECK_THROWS(validate_double_quantized(wrong, "scales"), "E-NATIVE-ARGUMENT");
}
