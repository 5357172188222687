// Codes in 32-bit words, as GPTQ checkpoints hold them: every output has one bit stream, the codes
// of its inputs one after the other, least significant bit first; word r of output n is
// words[r][n]. 1, 2, 4 and 8 bits thus fill words exactly, 3 bits cross their borders as GPTQ's do,
// and 5, 6 and 7 bits follow the same rule. The last word is filled up with zero bits.
#pragma once

#include <cstdint>
#include <vector>

namespace qat {

// How integer zero points are stored: z − 1 (checkpoint format "gptq", so 1 … 2^bits) or z itself
// ("gptq_v2", 0 … 2^bits − 1).
enum class ZeroFormat { kGptq, kGptqV2 };

inline int32_t lowest_zero_point(ZeroFormat format) { return format == ZeroFormat::kGptq ? 1 : 0; }
inline int32_t highest_zero_point(ZeroFormat format, int bits) {
  return lowest_zero_point(format) + (1 << bits) - 1;
}

// Words for `count` codes: ceil(count·bits/32).
inline int64_t word_count(int64_t count, int bits) { return (count * bits + 31) / 32; }

// The code at `bit` of a stream whose words lie `stride` apart.
inline uint32_t read_code(const int32_t* words, int64_t stride, int64_t bit, int bits) {
  const int32_t* word = words + (bit >> 5) * stride;
  const int shift = static_cast<int>(bit & 31);
  uint32_t code = static_cast<uint32_t>(*word) >> shift;
  if (shift + bits > 32) code |= static_cast<uint32_t>(word[stride]) << (32 - shift);
  return code & ((1u << bits) - 1);
}

// Writes a code < 2^bits into a stream that is still zero there.
inline void write_code(int32_t* words, int64_t stride, int64_t bit, int bits, uint32_t code) {
  int32_t* word = words + (bit >> 5) * stride;
  const int shift = static_cast<int>(bit & 31);
  *word = static_cast<int32_t>(static_cast<uint32_t>(*word) | code << shift);
  if (shift + bits > 32) {
    word[stride] =
        static_cast<int32_t>(static_cast<uint32_t>(word[stride]) | code >> (32 - shift));
  }
}

// Where an input's code begins in every output's stream, and its width.
struct CodeRow {
  int64_t bit = 0;
  int bits = 0;
};

// `count` inputs of the same width.
std::vector<CodeRow> uniform_code_rows(int64_t count, int bits);
// Words of each output's stream.
int64_t stream_words(const std::vector<CodeRow>& rows);

// codes [rows.size(), out], each below 2^bits of its row → words [stream_words(rows), out].
// Throws E-NATIVE-ARGUMENT for a code that does not fit.
std::vector<int32_t> pack_code_rows(const uint8_t* codes, const std::vector<CodeRow>& rows,
                                    int64_t out);
std::vector<uint8_t> unpack_code_rows(const int32_t* words, const std::vector<CodeRow>& rows,
                                      int64_t out);
// Codes of one input for outputs first … first + count − 1 of `out`.
void read_code_row(const int32_t* words, int64_t out, const CodeRow& row, int64_t first,
                   int64_t count, uint8_t* codes);

// Zero points [groups, out] ↔ words [groups, word_count(out, bits)], packed along the outputs.
// Throws E-NATIVE-ARGUMENT for one that the format cannot hold.
std::vector<int32_t> pack_zero_points(const int32_t* zero_points, int64_t groups, int64_t out,
                                      int bits, ZeroFormat format);
std::vector<int32_t> unpack_zero_points(const int32_t* words, int64_t groups, int64_t out, int bits,
                                        ZeroFormat format);

}  // namespace qat
