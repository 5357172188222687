#include "runtime/cpu_features.h"

#include "qat/kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#define QAT_X86 1
#elif defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
#define QAT_X86 1
#endif

namespace qat {
namespace {

#ifdef QAT_X86
struct Leaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

#if defined(_M_X64)
Leaf cpuid(uint32_t leaf, uint32_t sub) {
  int r[4];
  __cpuidex(r, static_cast<int>(leaf), static_cast<int>(sub));
  return {uint32_t(r[0]), uint32_t(r[1]), uint32_t(r[2]), uint32_t(r[3])};
}
uint64_t xgetbv0() { return _xgetbv(0); }
#else
Leaf cpuid(uint32_t leaf, uint32_t sub) {
  Leaf r;
  __cpuid_count(leaf, sub, r.eax, r.ebx, r.ecx, r.edx);
  return r;
}
uint64_t xgetbv0() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}
#endif

bool bit(uint32_t word, int index) { return (word >> index) & 1u; }

CpuFeatures detect() {
  CpuFeatures f;
  if (cpuid(0, 0).eax < 7) return f;
  const Leaf one = cpuid(1, 0);
  const bool os_saves_extended_state = bit(one.ecx, 27);
  if (!os_saves_extended_state) return f;
  const uint64_t xcr0 = xgetbv0();
  const bool ymm = (xcr0 & 0x6) == 0x6;
  const bool zmm = (xcr0 & 0xe6) == 0xe6;
  const Leaf seven = cpuid(7, 0);
  const bool avx = bit(one.ecx, 28), fma = bit(one.ecx, 12), f16c = bit(one.ecx, 29);
  f.avx2 = ymm && avx && fma && f16c && bit(seven.ebx, 5);
  const bool foundation = bit(seven.ebx, 16), dq = bit(seven.ebx, 17);
  const bool bw = bit(seven.ebx, 30), vl = bit(seven.ebx, 31);
  f.avx512 = f.avx2 && zmm && foundation && dq && bw && vl;
  f.vnni = f.avx512 && bit(seven.ecx, 11);
  f.vpopcntdq = f.avx512 && bit(seven.ecx, 14);
  f.gfni = f.avx512 && bit(seven.ecx, 8);
  f.bmi2 = bit(seven.ebx, 8);
  return f;
}
#else
CpuFeatures detect() { return {}; }
#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const char* name : {"ref", "avx2", "avx512"}) {
    if (kernels_for(name)) names.emplace_back(name);
  }
  return names;
}

}  // namespace qat
