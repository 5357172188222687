#include "cpu/isa_kernels.h"
#include "runtime/kernel_tables.h"

namespace qat {

namespace {

const Kernels plain = {
    "avx512",
    0,  // its gemm is twice as wide as the tile kernels
    avx512::fake_quant,
    avx512::quantize,
    avx512::fake_quant_backward,
    avx512::binarize,
    avx512::quant_error,
    avx512::moments,
    avx512::row_ends,
    avx512::histogram,
    avx512::bin_indices,
    avx512::collect_ranges,
    avx512::scale_errors,
    avx512::scale_fit,
    avx512::first_not_finite,
    avx512::pack_row,
    avx512::unpack_row,
    avx512::gemm,
    avx512::dot_packed_row,
    avx512::dot_packed_row_f32,
    avx2::tile_product,
    avx2::tile_product_f32,
    avx2::tile_product_signs,
    avx2::code_row,
    avx2::sign_row,
    avx512::xnor_popcount,
    avx512::relu,
    avx512::relu_backward,
    avx512::add_bias_rows,
    avx512::sum_rows,
    avx512::sgd_step,
    avx512::adam_step,
};

Kernels with_vnni_variants() {
  Kernels table = plain;
  table.quick_tile_bits = 8;
  table.dot_packed_row = avx512vnni::dot_packed_row;
  table.tile_product = avx512vnni::tile_product;
  table.tile_product_f32 = avx512vnni::tile_product_f32;
  table.tile_product_signs = avx512vnni::tile_product_signs;
  table.sign_row = avx512vnni::sign_row;
  table.code_row = avx512vnni::code_row;
  table.xnor_popcount = avx512vnni::xnor_popcount;
  return table;
}

}  // namespace

const Kernels* avx512_kernels(bool with_vnni) {
  static const Kernels extended = with_vnni_variants();
  return with_vnni ? &extended : &plain;
}

}  // namespace qat
