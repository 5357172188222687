#include "quant/gptq_words.h"

#include <algorithm>
#include <string>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kOutputsPerRange = 256;

void require_codes_fit(const uint8_t* codes, const std::vector<CodeRow>& rows, int64_t out) {
  for (size_t k = 0; k < rows.size(); ++k) {
    const uint8_t* row = codes + static_cast<int64_t>(k) * out;
    const uint8_t most = *std::max_element(row, row + out);
    if (most >> rows[k].bits) {
      throw Error("E-NATIVE-ARGUMENT",
                  "Code " + std::to_string(most) + " of input " + std::to_string(k) +
                      " does not fit " + std::to_string(rows[k].bits) + " bits.",
                  "Pass codes from 0 to 2^bits - 1.");
    }
  }
}

}  // namespace

std::vector<CodeRow> uniform_code_rows(int64_t count, int bits) {
  std::vector<CodeRow> rows(static_cast<size_t>(count));
  for (int64_t k = 0; k < count; ++k) rows[static_cast<size_t>(k)] = {k * bits, bits};
  return rows;
}

int64_t stream_words(const std::vector<CodeRow>& rows) {
  int64_t end = 0;
  for (const CodeRow& row : rows) end = std::max(end, row.bit + row.bits);
  return (end + 31) / 32;
}

std::vector<int32_t> pack_code_rows(const uint8_t* codes, const std::vector<CodeRow>& rows,
                                    int64_t out) {
  require_codes_fit(codes, rows, out);
  std::vector<int32_t> words(static_cast<size_t>(stream_words(rows) * out));
  parallel_for(out, kOutputsPerRange, [&](int64_t begin, int64_t end) {
    for (size_t k = 0; k < rows.size(); ++k) {
      const uint8_t* row = codes + static_cast<int64_t>(k) * out;
      for (int64_t n = begin; n < end; ++n) {
        write_code(words.data() + n, out, rows[k].bit, rows[k].bits, row[n]);
      }
    }
  });
  return words;
}

std::vector<uint8_t> unpack_code_rows(const int32_t* words, const std::vector<CodeRow>& rows,
                                      int64_t out) {
  std::vector<uint8_t> codes(rows.size() * static_cast<size_t>(out));
  for (size_t k = 0; k < rows.size(); ++k) {
    read_code_row(words, out, rows[k], 0, out, codes.data() + static_cast<int64_t>(k) * out);
  }
  return codes;
}

void read_code_row(const int32_t* words, int64_t out, const CodeRow& row, int64_t first,
                   int64_t count, uint8_t* codes) {
  for (int64_t i = 0; i < count; ++i) {
    codes[i] = static_cast<uint8_t>(read_code(words + first + i, out, row.bit, row.bits));
  }
}

std::vector<int32_t> pack_zero_points(const int32_t* zero_points, int64_t groups, int64_t out,
                                      int bits, ZeroFormat format) {
  const int64_t row_words = word_count(out, bits);
  const int32_t low = lowest_zero_point(format), high = highest_zero_point(format, bits);
  std::vector<int32_t> words(static_cast<size_t>(groups * row_words));
  for (int64_t i = 0; i < groups * out; ++i) {
    if (zero_points[i] < low || zero_points[i] > high) {
      throw Error("E-NATIVE-ARGUMENT",
                  "Zero point " + std::to_string(zero_points[i]) + " of group " +
                      std::to_string(i / out) + ", output " + std::to_string(i % out) +
                      " cannot be stored; the format holds " + std::to_string(low) + " to " +
                      std::to_string(high) + ".",
                  "Use the format that holds it: gptq 1 to 2^bits, gptqV2 0 to 2^bits - 1.");
    }
    write_code(words.data() + i / out * row_words, 1, i % out * bits, bits,
               static_cast<uint32_t>(zero_points[i] - low));
  }
  return words;
}

std::vector<int32_t> unpack_zero_points(const int32_t* words, int64_t groups, int64_t out, int bits,
                                        ZeroFormat format) {
  const int64_t row_words = word_count(out, bits);
  std::vector<int32_t> zero_points(static_cast<size_t>(groups * out));
  for (int64_t i = 0; i < groups * out; ++i) {
    const uint32_t stored = read_code(words + i / out * row_words, 1, i % out * bits, bits);
    zero_points[static_cast<size_t>(i)] =
        static_cast<int32_t>(stored) + lowest_zero_point(format);
  }
  return zero_points;
}

}  // namespace qat
