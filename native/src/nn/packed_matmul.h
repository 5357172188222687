// Inference on packed weights: codes are used as they lie in memory, never unpacked to float there.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/activation_quantizer.h"
#include "quant/packing.h"

namespace qat {

// Rows of one packed weight against tiles of activations. Where the weight brings its tiles (QuantizedWeight::tiles)
// and nothing has to be added to their product (no LSQ+ shift, no second level of a ternary weight), they are used.
// Else:
//   quantized activations: exact integer dot products per scale, then Σ scale·dot in double;
//   float activations: float dot products with the codes per scale;
//   the user grid, whose levels are any numbers: a few rows at a time become floats, for the float product.
// Every value depends on its own activations and weight row alone. Safe from several threads at once.
class PackedMatmul {
 public:
  // Activations that share one pass over the packed weight.
  static constexpr int64_t kTile = 16;

  // What is computed, and where it goes: y[i·sample_stride + row·row_stride] of tile member i, for the
  // weight's rows first_row … last_row.
  struct Target {
    int64_t first_row = 0, last_row = 0;
    float* y = nullptr;
    int64_t sample_stride = 0, row_stride = 0;
  };

  // All must outlive it; bias [rows] may be null.
  PackedMatmul(const QuantizedWeight& weight, const ActivationQuantizer& activation,
               const float* bias);
  ~PackedMatmul();

  // codes [count ≤ kTile, cols], centred. `inside` [count, cols] is 0 where the input was padded with
  // zeros, which have code 0, and 1 elsewhere; null: nothing was.
  void multiply_codes(const int16_t* codes, const int16_t* inside, int64_t count,
                      const Target& target) const;
  // x [count ≤ kTile, cols], float activations.
  void multiply_floats(const float* x, int64_t count, const Target& target) const;

 private:
  struct Plan;
  // Codes that lie elsewhere than in the weight.
  PackedMatmul(const QuantizedWeight& weight, const uint8_t* codes,
               const ActivationQuantizer& activation, const float* bias);
  // Both add to sums [rows of the target, count], which are stored once all parts are in: parts that
  // nearly cancel must not be rounded one by one.
  void integer_tile(const int16_t* codes, int64_t count, double factor, const Target& target,
                    double* sums) const;
  void float_tile(const float* x, int64_t count, const Target& target, double* sums) const;
  void store_all(const double* sums, int64_t count, const Target& target) const;
  // y of a weight on the user grid; x [count, cols], dequantized activations.
  void level_tile(const float* x, int64_t count, const Target& target) const;
  // y by the weight's tiles, for inputs as the kernels take them.
  template <typename Product>
  void by_tiles(int64_t count, const Target& target, Product&& product) const;
  void store(const Target& target, int64_t sample, int64_t row, double value) const;

  void add_sides();
  void sum_rows();
  void add_row_sums(int64_t count, double factor, const Target& target, double* sums) const;

  std::unique_ptr<Plan> plan_;
  // Of a ternary weight with two levels: Σ a·w = (α₊ + α₋)/2·Σ a·c + (α₊ − α₋)/2·Σ a·c² over its codes c.
  // This is the second part, with c² as codes (its own only where the weight does not bring them).
  QuantizedWeight squares_;
  std::unique_ptr<PackedMatmul> sides_;
  std::vector<double> row_sums_;  // Σ of every row's weights, where inputs are shifted
  const ActivationQuantizer& activation_;
  const float* bias_;
  const TiledWeight* tiles_;  // null: not used
};

// y [batch, rows] = x̂·ŵᵀ + bias (may be null), x [batch, cols]. Split over samples: the result does not
// depend on the thread count.
void packed_matmul(const float* x, int64_t batch, const QuantizedWeight& weight,
                   const ActivationQuantizer& activation, const float* bias, float* y);

// The same of a weight in tiles, without an LSQ+ shift of x.
void tiled_matmul(const float* x, int64_t batch, const TiledWeight& weight,
                  const ActivationQuantizer& activation, const float* bias, float* y);

}  // namespace qat
