#include "cpu/isa_kernels.h"
#include "cpu/vec_avx512.h"
// The shared implementation, in this instruction set's vocabulary.
#include "cpu/gemm_impl.h"
