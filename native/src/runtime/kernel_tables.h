// Where the tables of the instruction sets come from. Only dispatch.cc and their definitions use
// this; a table may be asked for only when the processor runs it.
#pragma once

#include "qat/kernels.h"

namespace qat {

const Kernels* ref_kernels();
const Kernels* avx2_kernels();
// `with_vnni`: also VNNI, VPOPCNTDQ, GFNI and BMI2 variants of the packed kernels.
const Kernels* avx512_kernels(bool with_vnni);

}  // namespace qat
