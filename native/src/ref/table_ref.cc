#include "ref/ref_kernels.h"
#include "runtime/kernel_tables.h"

namespace qat {

const Kernels* ref_kernels() {
  static const Kernels table = {
      "ref",
      8,
      ref::fake_quant,
      ref::quantize,
      ref::fake_quant_backward,
      ref::binarize,
      ref::quant_error,
      ref::moments,
      ref::row_ends,
      ref::histogram,
      ref::bin_indices,
      ref::collect_ranges,
      ref::scale_errors,
      ref::scale_fit,
      ref::first_not_finite,
      ref::pack_row,
      ref::unpack_row,
      ref::gemm,
      ref::dot_packed_row,
      ref::dot_packed_row_f32,
      ref::tile_product,
      ref::tile_product_f32,
      ref::tile_product_signs,
      ref::code_row,
      ref::sign_row,
      ref::xnor_popcount,
      ref::relu,
      ref::relu_backward,
      ref::add_bias_rows,
      ref::sum_rows,
      ref::sgd_step,
      ref::adam_step,
  };
  return &table;
}

}  // namespace qat
