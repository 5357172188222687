// Resolves the kernel table once.
#include <cstdlib>
#include <cstring>

#include "qat/kernels.h"
#include "runtime/cpu_features.h"
#include "runtime/kernel_tables.h"

namespace qat {
namespace {

constexpr const char* kLevels[] = {"ref", "avx2", "avx512"};
constexpr int kLevelCount = 3;

const Kernels* resolve() {
  int highest = kLevelCount - 1;
  // An unknown name changes nothing: the variable can only lower the level.
  if (const char* wanted = std::getenv("QAT_ISA")) {
    for (int i = 0; i < kLevelCount; ++i) {
      if (std::strcmp(wanted, kLevels[i]) == 0) highest = i;
    }
  }
  for (int i = highest; i > 0; --i) {
    if (const Kernels* table = kernels_for(kLevels[i])) return table;
  }
  return ref_kernels();
}

}  // namespace

const Kernels* kernels_for(const char* isa) {
  if (std::strcmp(isa, "ref") == 0) return ref_kernels();
#ifdef QAT_HAVE_AVX2
  if (std::strcmp(isa, "avx2") == 0 && cpu_features().avx2) return avx2_kernels();
#endif
#ifdef QAT_HAVE_AVX512
  if (std::strcmp(isa, "avx512") == 0 && cpu_features().avx512) {
    const CpuFeatures& f = cpu_features();
    const bool with_vnni = f.vnni && f.vpopcntdq && f.gfni && f.bmi2;
    return avx512_kernels(with_vnni);
  }
#endif
  return nullptr;
}

const Kernels& kernels() {
  static const Kernels* table = resolve();
  return *table;
}

}  // namespace qat
