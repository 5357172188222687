// The reference kernels: scalar, plain, the definition of truth. Sums are taken in double, in
// order.
#pragma once

#include "qat/kernels.h"

namespace qat::ref {

void fake_quant(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p);
void quantize(const float* x, uint8_t* codes, int64_t rows, int64_t cols, const QuantParams& p);
void fake_quant_backward(const float* x, const float* dy, float* dx, double* dscale_partial,
                         int64_t rows, int64_t cols, const QuantParams& p);
void binarize(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p);
void quant_error(const float* x, int64_t rows, int64_t cols, const QuantParams& p, bool binary,
                 ErrorSums* sums, int64_t* code_counts);

void moments(const float* x, int64_t n, double shift, Moments* out);
bool row_ends(const float* x, int64_t cols, int64_t group_cols, float* low, float* high);
void histogram(const float* x, int64_t n, double low, double high, int64_t bins, int64_t* counts,
               int64_t* below, int64_t* above);
void bin_indices(const float* x, int64_t n, double low, double high, int64_t bins,
                 int32_t* indices);
int64_t collect_ranges(const float* x, int64_t n, const float* ranges, int count, float* out);
void scale_errors(const float* x, int64_t n, const ScaleCandidate* candidates, int count,
                  double* d2);
void scale_fit(const float* x, int64_t n, const ScaleCandidate& candidate, ScaleFit* out);
int64_t first_not_finite(const float* x, int64_t n);

void pack_row(const uint8_t* codes, uint8_t* packed, int64_t cols, int bits);
void unpack_row(const uint8_t* packed, uint8_t* codes, int64_t cols, int bits);

void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
          const float* b, int64_t ldb, float* c, int64_t ldc, bool accumulate);

void dot_packed_row(const int16_t* a, const uint8_t* packed, int64_t cols, int bits,
                    int32_t w_offset, int64_t group_cols, int32_t* out);
void dot_packed_row_f32(const float* a, const uint8_t* packed, int64_t cols, int bits,
                        int32_t w_offset, int64_t group_cols, float* out);
void tile_product(const TileWeight& w, int64_t first, int64_t last, const TileInputs& x,
                  int64_t count, const float* bias, float* y, int64_t stride);
void tile_product_f32(const TileWeight& w, int64_t first, int64_t last, const float* x,
                      int64_t count, const float* bias, float* y, int64_t stride);
void tile_product_signs(const TileWeight& w, int64_t first, int64_t last, const TileSigns& x,
                        int64_t count, const float* bias, float* y, int64_t stride);
void sign_row(const float* x, int64_t cols, int64_t group_cols, uint32_t* signs);
void code_row(const float* x, int64_t cols, int64_t group_cols, int step, int8_t* codes,
              int32_t* sums, float* scales);
int64_t xnor_popcount(const uint8_t* a, const uint8_t* b, int64_t cols);

void relu(const float* x, float* y, int64_t n);
void relu_backward(const float* y, const float* dy, float* dx, int64_t n);
void add_bias_rows(float* y, const float* bias, int64_t rows, int64_t cols);
void sum_rows(const float* dy, float* dbias, int64_t rows, int64_t cols);
void sgd_step(float* p, const float* g, float* m, int64_t n, double lr, double momentum,
              double weight_decay, bool nesterov, bool first);
void adam_step(float* p, const float* g, float* m, float* v, int64_t n, double lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, int64_t t);

}  // namespace qat::ref
