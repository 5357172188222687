#include "cpu/isa_kernels.h"
#include "runtime/kernel_tables.h"

namespace qat {

const Kernels* avx2_kernels() {
  static const Kernels table = {
      "avx2",
      4,
      avx2::fake_quant,
      avx2::quantize,
      avx2::fake_quant_backward,
      avx2::binarize,
      avx2::quant_error,
      avx2::moments,
      avx2::row_ends,
      avx2::histogram,
      avx2::bin_indices,
      avx2::collect_ranges,
    avx2::scale_errors,
      avx2::scale_fit,
      avx2::first_not_finite,
      avx2::pack_row,
      avx2::unpack_row,
      avx2::gemm,
      avx2::dot_packed_row,
      avx2::dot_packed_row_f32,
      avx2::tile_product,
      avx2::tile_product_f32,
      avx2::tile_product_signs,
      avx2::code_row,
      avx2::sign_row,
      avx2::xnor_popcount,
      avx2::relu,
      avx2::relu_backward,
      avx2::add_bias_rows,
      avx2::sum_rows,
      avx2::sgd_step,
      avx2::adam_step,
  };
  return &table;
}

}  // namespace qat
