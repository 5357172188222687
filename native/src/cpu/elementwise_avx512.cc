#include "cpu/isa_kernels.h"
#include "cpu/vec_avx512.h"
// The shared implementations, in this instruction set's vocabulary.
#include "cpu/quantize_impl.h"
#include "cpu/stats_impl.h"
#include "cpu/train_impl.h"
#include "cpu/pack_impl.h"
