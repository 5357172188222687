#include "quant/packing.h"

#include <algorithm>
#include <string>

#include "qat/error.h"
#include "qat/kernels.h"
#include "quant/row_pieces.h"
#include "quant/user_grid.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kElementsPerRange = int64_t{1} << 15;

int64_t rows_per_range(int64_t cols) { return std::max<int64_t>(1, kElementsPerRange / cols); }

void binary_codes(const float* x, uint8_t* codes, int64_t n) {
  for (int64_t i = 0; i < n; ++i) codes[i] = x[i] >= 0.0f ? 1 : 0;
}

// Codes minus qmin of one row after the other, by the rule of the grid.
class RowQuantizer {
 public:
  RowQuantizer(const QuantizerConfig& config, const ScaleLayout& layout, const Scales& scales)
      : config_(config), layout_(layout), scales_(scales) {
    if (config.grid != Grid::kUser) params_ = quant_params(config, layout, scales);
  }

  void codes(const float* x, int64_t row, uint8_t* codes) const {
    if (config_.grid == Grid::kUser) {
      user_codes_of_row(config_, layout_, scales_, x, row, codes);
    } else if (config_.grid == Grid::kBinary) {
      binary_codes(x, codes, layout_.cols);
    } else {
      kernels().quantize(x, codes, 1, layout_.cols, params_of_row(params_, row));
    }
  }

 private:
  const QuantizerConfig& config_;
  const ScaleLayout& layout_;
  const Scales& scales_;
  QuantParams params_;
};

void dequantize_row(const uint8_t* codes, float* y, int64_t cols, const QuantParams& row,
                    bool binary) {
  const int64_t run = row.row_stride ? row.group_cols : cols;
  for (int64_t begin = 0, scale = 0; begin < cols; begin += run, ++scale) {
    const QuantParams p = params_from_scale(row, scale);
    const int64_t end = std::min(cols, begin + run);
    for (int64_t c = begin; c < end; ++c) y[c] = level_of_code(p, binary, codes[c]);
  }
}

void check_bits(int bits) {
  if (bits < 1 || bits > 8) {
    throw Error("E-NATIVE-ARGUMENT", "Codes of " + std::to_string(bits) + " bits cannot be packed.",
                "Use 1 to 8 bits.");
  }
}

[[noreturn]] void fail_packed(const std::string& message) {
  throw Error("E-NATIVE-ARGUMENT", message,
              "Check the file: codes are LSB-first, rows padded with zero bits to whole bytes.");
}

}  // namespace

void quantize_codes(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                    const Scales& scales, uint8_t* codes) {
  const ScaleLayout layout = scale_layout(config, rows, cols);
  const RowQuantizer quantizer(config, layout, scales);
  parallel_for(rows, rows_per_range(cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) quantizer.codes(x + r * cols, r, codes + r * cols);
  });
}

void quantize_packed(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                     const Scales& scales, uint8_t* packed, const CancelToken* cancel) {
  const ScaleLayout layout = scale_layout(config, rows, cols);
  const int64_t row_bytes = packed_row_bytes(cols, config.bits);
  const RowQuantizer quantizer(config, layout, scales);
  parallel_for(rows, rows_per_range(cols), [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> codes(static_cast<size_t>(cols));
    for (int64_t r = begin; r < end; ++r) {
      throw_if_cancelled(cancel);
      quantizer.codes(x + r * cols, r, codes.data());
      kernels().pack_row(codes.data(), packed + r * row_bytes, cols, config.bits);
    }
  });
}

QuantizedWeight quantize_weight(const float* x, int64_t rows, int64_t cols,
                                const QuantizerConfig& config, const Scales& scales,
                                const CancelToken* cancel) {
  validate(config);
  validate_scales(config, scale_layout(config, rows, cols), scales);
  QuantizedWeight weight;
  weight.config = config;
  weight.rows = rows;
  weight.cols = cols;
  weight.scales = scales;
  weight.packed.resize(static_cast<size_t>(rows * packed_row_bytes(cols, config.bits)));
  quantize_packed(x, rows, cols, config, scales, weight.packed.data(), cancel);
  return weight;
}

void dequantize_weight(const QuantizedWeight& weight, float* y) {
  const ScaleLayout layout = scale_layout(weight.config, weight.rows, weight.cols);
  const int64_t row_bytes = packed_row_bytes(weight.cols, weight.config.bits);
  const bool binary = weight.config.grid == Grid::kBinary;
  const bool user = weight.config.grid == Grid::kUser;
  const QuantParams params =
      user ? QuantParams() : quant_params(weight.config, layout, weight.scales);
  parallel_for(weight.rows, rows_per_range(weight.cols), [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> codes(static_cast<size_t>(weight.cols));
    for (int64_t r = begin; r < end; ++r) {
      kernels().unpack_row(weight.packed.data() + r * row_bytes, codes.data(), weight.cols,
                           weight.config.bits);
      if (user) {
        user_levels_of_row(layout, weight.scales, weight.config.bits, r, codes.data(),
                           y + r * weight.cols);
        continue;
      }
      dequantize_row(codes.data(), y + r * weight.cols, weight.cols, params_of_row(params, r),
                     binary);
    }
  });
}

void validate_quantized_weight(const QuantizedWeight& weight) {
  validate(weight.config);
  const ScaleLayout layout = scale_layout(weight.config, weight.rows, weight.cols);
  validate_scales(weight.config, layout, weight.scales, Thresholds::kOptional);
  const int bits = weight.config.bits;
  const int64_t row_bytes = packed_row_bytes(weight.cols, bits);
  if (weight.packed.size() != static_cast<size_t>(weight.rows * row_bytes)) {
    fail_packed("Expected " + std::to_string(weight.rows * row_bytes) + " packed bytes, got " +
                std::to_string(weight.packed.size()) + ".");
  }
  const int used_bits = static_cast<int>(weight.cols * bits & 7);
  const int32_t codes_on_grid = code_range(weight.config.grid, bits).count();
  std::vector<uint8_t> codes(static_cast<size_t>(weight.cols));
  for (int64_t r = 0; r < weight.rows; ++r) {
    const uint8_t* row = weight.packed.data() + r * row_bytes;
    if (used_bits && row[row_bytes - 1] >> used_bits) {
      fail_packed("Row " + std::to_string(r) + " has padding bits that are not 0.");
    }
    if (codes_on_grid == 1 << bits) continue;
    kernels().unpack_row(row, codes.data(), weight.cols, bits);
    for (int64_t c = 0; c < weight.cols; ++c) {
      if (codes[static_cast<size_t>(c)] >= codes_on_grid) {
        fail_packed("Row " + std::to_string(r) + ", column " + std::to_string(c) +
                    " holds a code outside the grid.");
      }
    }
  }
}

std::vector<uint8_t> pack_codes(const uint8_t* codes, int64_t rows, int64_t cols, int bits) {
  check_bits(bits);
  for (int64_t i = 0; i < rows * cols; ++i) {
    if (codes[i] >> bits) {
      throw Error("E-NATIVE-ARGUMENT",
                  "Code " + std::to_string(codes[i]) + " at index " + std::to_string(i) +
                      " does not fit " + std::to_string(bits) + " bits.",
                  "Pass codes already offset to 0 ... 2^bits - 1.");
    }
  }
  const int64_t row_bytes = packed_row_bytes(cols, bits);
  std::vector<uint8_t> packed(static_cast<size_t>(rows * row_bytes));
  for (int64_t r = 0; r < rows; ++r) {
    kernels().pack_row(codes + r * cols, packed.data() + r * row_bytes, cols, bits);
  }
  return packed;
}

std::vector<uint8_t> unpack_codes(const uint8_t* packed, int64_t rows, int64_t cols, int bits) {
  check_bits(bits);
  const int64_t row_bytes = packed_row_bytes(cols, bits);
  std::vector<uint8_t> codes(static_cast<size_t>(rows * cols));
  for (int64_t r = 0; r < rows; ++r) {
    kernels().unpack_row(packed + r * row_bytes, codes.data() + r * cols, cols, bits);
  }
  return codes;
}

// Two bits: 00, 01, 10 are −1, 0, 1; of each the square is 1 exactly where the low bit is not set.
std::vector<uint8_t> ternary_squares(const std::vector<uint8_t>& packed) {
  std::vector<uint8_t> squares(packed.size());
  for (size_t i = 0; i < packed.size(); ++i) squares[i] = static_cast<uint8_t>(~packed[i] & 0x55);
  return squares;
}

}  // namespace qat
