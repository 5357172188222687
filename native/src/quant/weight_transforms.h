// What some methods do to a float weight before it is quantized, and the gradient back through it.
// Sums and maxima are the same on any number of threads.
#pragma once

#include <cstdint>

namespace qat {

// --- DoReFa-Net (Zhou et al. 2016, eq. 9) ----------------------------------------------------------

// y = tanh(w)/(2·max|tanh w|) + ½ in [0, 1], the maximum over all n. The quantized weight is
// 2·quantize_unit(y) − 1. Weights that are all 0 give ½. y may alias w.
void dorefa_transform(const float* w, float* y, int64_t n);
// The exact gradient, through the maximum too, as automatic differentiation takes it in the authors'
// published code. Of weights that share the largest magnitude the first carries the maximum's part.
// dw may alias dy. Weights that are all 0 get none.
void dorefa_transform_backward(const float* w, const float* dy, float* dw, int64_t n);

// round(r·(2^bits − 1))/(2^bits − 1) of r clamped to [0, 1], ties to even (their quantize_k; also of
// their activations). Its gradient is straight through. bits 1–16; y may alias r.
void quantize_unit(const float* r, float* y, int64_t n, int bits);

// --- IR-Net (Qin et al. 2020): Libra parameter binarization and the error decay estimator ------------

// For each row: normalized = (w − mean)/deviation with the deviation over cols − 1, and
// scale = 2^round(log2(mean|normalized|)); the binary weight is scale·sign(normalized). A row of equal
// values gives zeros, deviation 1 and scale 1. w, normalized [rows, cols] (may be the same);
// deviations, scales [rows].
void libra_normalize(const float* w, int64_t rows, int64_t cols, float* normalized,
                     float* deviations, float* scales);
// dw [rows, cols] from the gradient of `normalized`, through mean and deviation; the scale is a
// constant. dw may alias dnormalized.
void libra_normalize_backward(const float* normalized, const float* deviations,
                              const float* dnormalized, int64_t rows, int64_t cols, float* dw);

// The backward of sign(x) is that of k·tanh(t·x).
struct ErrorDecay {
  double t = 1, k = 1;
};
// progress in [0, 1] of the training: t grows from first to last by equal factors, k = max(1/t, 1), so
// that the estimate goes from nearly the identity to nearly the sign. (The authors' CIFAR program
// starts at 1e-3.)
ErrorDecay error_decay(double progress, double first = 0.1, double last = 10);
// dx = dy·k·t·(1 − tanh²(t·x)); dx may alias dy.
void error_decay_backward(const float* x, const float* dy, float* dx, int64_t n,
                          const ErrorDecay& decay);

}  // namespace qat
