#include "nn/word_matmul.h"

#include <algorithm>
#include <memory>

#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kOutputs = 64;  // of a tile: its codes and weights stay in the first-level cache
constexpr int64_t kSamples = 32;

struct Tile {
  uint8_t codes[kOutputs];
  float weights[kOutputs];
  double sums[kSamples * kOutputs];
};

// Weights of one input for outputs first … first + count − 1.
void tile_weights(const WordMatrix& matrix, int64_t k, int64_t first, int64_t count, Tile* tile) {
  const GroupLayout& layout = matrix.layout;
  const int64_t group = layout.group_of[static_cast<size_t>(k)];
  read_code_row(matrix.words, layout.out, matrix.rows[static_cast<size_t>(k)], first, count,
                tile->codes);
  for (int64_t n = 0; n < count; ++n) {
    tile->weights[n] = group_affine(layout, matrix.scales, group, first + n).value(tile->codes[n]);
  }
}

void multiply_tile(const float* x, int64_t samples, const WordMatrix& matrix,
                   const float* input_scale, int64_t first, int64_t count, Tile* tile) {
  const int64_t in = matrix.layout.in;
  std::fill(tile->sums, tile->sums + samples * kOutputs, 0.0);
  for (int64_t k = 0; k < in; ++k) {
    tile_weights(matrix, k, first, count, tile);
    for (int64_t m = 0; m < samples; ++m) {
      const double value = input_scale ? x[m * in + k] * input_scale[k] : x[m * in + k];
      double* sums = tile->sums + m * kOutputs;
      for (int64_t n = 0; n < count; ++n) sums[n] += value * tile->weights[n];
    }
  }
}

}  // namespace

void word_matmul(const float* x, int64_t batch, const WordMatrix& weight, const float* input_scale,
                 const float* bias, float* y) {
  const int64_t in = weight.layout.in, out = weight.layout.out;
  const int64_t output_tiles = chunk_count(out, kOutputs);
  parallel_for(output_tiles * chunk_count(batch, kSamples), 1, [&](int64_t begin, int64_t end) {
    const auto tile = std::make_unique<Tile>();
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % output_tiles * kOutputs;
      const int64_t count = std::min(kOutputs, out - first);
      const int64_t sample = i / output_tiles * kSamples;
      const int64_t samples = std::min(kSamples, batch - sample);
      multiply_tile(x + sample * in, samples, weight, input_scale, first, count, tile.get());
      for (int64_t m = 0; m < samples; ++m) {
        for (int64_t n = 0; n < count; ++n) {
          const double sum = tile->sums[m * kOutputs + n] + (bias ? bias[first + n] : 0.0f);
          y[(sample + m) * out + first + n] = static_cast<float>(sum);
        }
      }
    }
  });
}

}  // namespace qat
