// Integer weights: codes minus qmin, LSB-first, each row padded to whole bytes. Binary: 1 = +scale.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "quant/grid.h"
#include "runtime/cancel.h"

namespace qat {

class TiledWeight;

struct QuantizedWeight {
  QuantizerConfig config;
  int64_t rows = 0, cols = 0;
  std::vector<uint8_t> packed;  // rows * packed_row_bytes(cols, bits)
  Scales scales;
  // Of a ternary weight with two levels: ternary_squares(packed), where it is kept with the codes; it is
  // derived and no part of a file.
  std::vector<uint8_t> squares;
  // For products, where they are kept with the codes; derived and no part of a file. Null: none.
  std::shared_ptr<const TiledWeight> tiles{};
};

// c² of packed ternary codes c, in the same layout as unsigned codes.
std::vector<uint8_t> ternary_squares(const std::vector<uint8_t>& packed);

inline int64_t packed_row_bytes(int64_t cols, int bits) { return (cols * bits + 7) / 8; }

// Codes minus qmin of x [rows, cols] (binary: 0 = minus, 1 = plus), one byte each. Threaded.
void quantize_codes(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                    const Scales& scales, uint8_t* codes);
// The same packed: packed [rows, packed_row_bytes(cols, bits)]. Scales that fit are the caller's business. Threaded.
void quantize_packed(const float* x, int64_t rows, int64_t cols, const QuantizerConfig& config,
                     const Scales& scales, uint8_t* packed, const CancelToken* cancel = nullptr);
// x [rows, cols]. Threaded.
QuantizedWeight quantize_weight(const float* x, int64_t rows, int64_t cols,
                                const QuantizerConfig& config, const Scales& scales,
                                const CancelToken* cancel = nullptr);
// y [rows, cols], each code's level (QuantParams; binary: scale * (+-1)). Equals fake_quantize bit
// for bit.
void dequantize_weight(const QuantizedWeight& weight, float* y);
// Throws Error("E-NATIVE-ARGUMENT" | "E-WEIGHT-SHAPE" | "E-QUANTIZER-INVALID") unless sizes, scales
// and zero points fit, padding bits are 0 and (narrow, ternary) every code is on the grid. Levels
// need no ternary thresholds.
void validate_quantized_weight(const QuantizedWeight& weight);

// Rows of codes < 2^bits <-> packed rows. Codes out of range throw Error("E-NATIVE-ARGUMENT").
std::vector<uint8_t> pack_codes(const uint8_t* codes, int64_t rows, int64_t cols, int bits);
std::vector<uint8_t> unpack_codes(const uint8_t* packed, int64_t rows, int64_t cols, int bits);

}  // namespace qat
