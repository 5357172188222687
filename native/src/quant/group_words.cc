#include "quant/group_words.h"

#include "runtime/thread_pool.h"

namespace qat {
namespace {
constexpr int64_t kOutputsPerRange = 16;  // a cache line of words: no two threads write into one
}

std::vector<int32_t> quantize_words(const float* weight, const std::vector<CodeRow>& rows,
                                    const GroupLayout& layout, const GroupScales& scales,
                                    const CancelToken* cancel) {
  std::vector<int32_t> words(static_cast<size_t>(stream_words(rows) * layout.out));
  parallel_for(layout.out, kOutputsPerRange, [&](int64_t begin, int64_t end) {
    std::vector<GroupAffine> affines;
    for (int64_t n = begin; n < end; ++n) {
      throw_if_cancelled(cancel);
      output_affines(layout, scales, n, &affines);
      for (size_t k = 0; k < rows.size(); ++k) {
        const GroupAffine& affine = affines[static_cast<size_t>(layout.group_of[k])];
        const float code = affine.code(weight[n * layout.in + static_cast<int64_t>(k)]);
        write_code(words.data() + n, layout.out, rows[k].bit, rows[k].bits,
                   static_cast<uint32_t>(code));
      }
    }
  });
  return words;
}

void group_codes(const float* weight, const GroupLayout& layout, const GroupScales& scales,
                 uint8_t* codes) {
  parallel_for(layout.out, kOutputsPerRange, [&](int64_t begin, int64_t end) {
    std::vector<GroupAffine> affines;
    for (int64_t n = begin; n < end; ++n) {
      output_affines(layout, scales, n, &affines);
      for (int64_t k = 0; k < layout.in; ++k) {
        const auto group = static_cast<size_t>(layout.group_of[static_cast<size_t>(k)]);
        const int64_t at = n * layout.in + k;
        codes[at] = static_cast<uint8_t>(affines[group].code(weight[at]));
      }
    }
  });
}

void dequantize_words(const WordMatrix& matrix, float* weight) {
  const GroupLayout& layout = matrix.layout;
  parallel_for(layout.out, kOutputsPerRange, [&](int64_t begin, int64_t end) {
    std::vector<GroupAffine> affines;
    for (int64_t n = begin; n < end; ++n) {
      output_affines(layout, matrix.scales, n, &affines);
      for (size_t k = 0; k < matrix.rows.size(); ++k) {
        const CodeRow& row = matrix.rows[k];
        const auto code =
            static_cast<float>(read_code(matrix.words + n, layout.out, row.bit, row.bits));
        weight[n * layout.in + static_cast<int64_t>(k)] =
            affines[static_cast<size_t>(layout.group_of[k])].value(code);
      }
    }
  });
}

}  // namespace qat
