/* A quantizer library: zero-free levels that get denser towards 0.
 *
 *   level(sign, m) = sign * scale * ratio^m,  m = 0 ... 2^(bits - 1) - 1
 *
 * code = m for the plus side, 2^(bits - 1) + m for the minus side. Powers of two are ratio = 1/2. Both
 * parameters are learned: a level's derivatives are sign * ratio^m and sign * scale * m * ratio^(m - 1).
 * Weights get the gradient straight through, but none beyond the outermost level.
 *
 * gcc -std=c99 -O2 -shared -fPIC -I native/include native/examples/geometric.c -o geometric.so -lm */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "qat_quantizer.h"

enum { SCALE = 0, RATIO = 1, MOST_MAGNITUDES = 128 };
static const float kLeastRatio = 0.25f, kMostRatio = 0.95f;

static int magnitude_count(int32_t bits) { return 1 << (bits - 1); }

static float ratio_of(const float* parameters) {
  return fminf(fmaxf(parameters[RATIO], kLeastRatio), kMostRatio);
}

/* magnitudes [magnitude_count], descending */
static void fill_magnitudes(int32_t bits, const float* parameters, float* magnitudes) {
  const float ratio = ratio_of(parameters);
  float value = parameters[SCALE];
  for (int m = 0; m < magnitude_count(bits); ++m, value *= ratio) magnitudes[m] = value;
}

/* The nearest magnitude; of two equally near ones the greater. */
static int nearest(float size, const float* magnitudes, int count) {
  int m = 0;
  while (m + 1 < count && size < (magnitudes[m] + magnitudes[m + 1]) / 2) ++m;
  return m;
}

static double squared_error(const float* values, size_t count, int32_t bits, const float* parameters) {
  float magnitudes[MOST_MAGNITUDES];
  double sum = 0;
  fill_magnitudes(bits, parameters, magnitudes);
  for (size_t i = 0; i < count; ++i) {
    const float size = fabsf(values[i]);
    const double error = size - magnitudes[nearest(size, magnitudes, magnitude_count(bits))];
    sum += error * error;
  }
  return sum;
}

/* The scale with the least squared error among 24 shares of the greatest magnitude. */
static int prepare(const float* values, size_t count, int32_t bits, float* parameters) {
  float greatest = 0, tried[2];
  double least_error = -1;
  for (size_t i = 0; i < count; ++i) greatest = fmaxf(greatest, fabsf(values[i]));
  if (!(greatest > 1e-20f)) greatest = 1e-20f;
  /* At many bits the levels would end up far below anything that matters. */
  tried[RATIO] = fmaxf(0.5f, exp2f(-8.0f / (float)magnitude_count(bits)));
  for (int share = 24; share >= 1; --share) {
    tried[SCALE] = greatest * (float)share / 24.0f;
    const double error = squared_error(values, count, bits, tried);
    if (least_error >= 0 && error >= least_error) continue;
    least_error = error;
    parameters[SCALE] = tried[SCALE];
    parameters[RATIO] = tried[RATIO];
  }
  return 0;
}

static int quantize(const float* values, size_t count, int32_t bits, const float* parameters,
                    uint8_t* codes) {
  float magnitudes[MOST_MAGNITUDES];
  const int half = magnitude_count(bits);
  fill_magnitudes(bits, parameters, magnitudes);
  for (size_t i = 0; i < count; ++i) {
    const int m = nearest(fabsf(values[i]), magnitudes, half);
    codes[i] = (uint8_t)(values[i] < 0 ? half + m : m);
  }
  return 0;
}

static int dequantize(int32_t bits, const float* parameters, float* levels) {
  const int half = magnitude_count(bits);
  fill_magnitudes(bits, parameters, levels);
  for (int m = 0; m < half; ++m) levels[half + m] = -levels[m];
  return 0;
}

static int gradient(const float* values, size_t count, int32_t bits, const float* parameters,
                    const float* dquantized, float* dvalues, double* dparameters) {
  float magnitudes[MOST_MAGNITUDES];
  const float scale = parameters[SCALE], ratio = ratio_of(parameters);
  double dscale = 0, dratio = 0;
  fill_magnitudes(bits, parameters, magnitudes);
  for (size_t i = 0; i < count; ++i) {
    const float size = fabsf(values[i]);
    const int m = nearest(size, magnitudes, magnitude_count(bits));
    const double towards = values[i] < 0 ? -dquantized[i] : dquantized[i];
    dscale += towards * magnitudes[m] / scale;
    dratio += towards * m * magnitudes[m] / ratio;
    dvalues[i] = size <= scale ? dquantized[i] : 0.0f;
  }
  dparameters[SCALE] = dscale;
  /* A clamped ratio has no slope. */
  dparameters[RATIO] = parameters[RATIO] == ratio ? dratio : 0;
  return 0;
}

static const QatQuantizerParameter kParameters[] = {{"scale", 1e-20f, 1}, {"ratio", 0.25f, 1}};

static const QatQuantizer kGeometric = {
    QAT_QUANTIZER_ABI,
    sizeof(QatQuantizer),
    "geometric",
    "1.0",
    "Zero-free levels in a geometric series; scale and ratio are learned.",
    QAT_QUANTIZER_AT(2) | QAT_QUANTIZER_AT(3) | QAT_QUANTIZER_AT(4) | QAT_QUANTIZER_AT(5) |
        QAT_QUANTIZER_AT(6) | QAT_QUANTIZER_AT(7) | QAT_QUANTIZER_AT(8),
    2,
    kParameters,
    prepare,
    quantize,
    dequantize,
    gradient,
    NULL,
};

const QatQuantizer* qat_quantizer(uint32_t abi) {
  return abi == QAT_QUANTIZER_ABI ? &kGeometric : NULL;
}
