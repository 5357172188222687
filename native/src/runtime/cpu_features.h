// What this processor and operating system can run (CPUID and XGETBV), asked once.
#pragma once

#include <string>
#include <vector>

namespace qat {

struct CpuFeatures {
  bool avx2 = false;      // AVX2 + FMA + F16C, and the system saves YMM registers
  bool avx512 = false;    // F, BW, DQ, VL on top of avx2, and the system saves ZMM registers
  bool vnni = false;      // AVX512-VNNI
  bool vpopcntdq = false; // AVX512-VPOPCNTDQ
  bool gfni = false;      // GFNI
  bool bmi2 = false;      // BMI2
};

const CpuFeatures& cpu_features();

// Kernel levels that are built in and run here, lowest first; QAT_ISA does not shorten this list.
std::vector<std::string> available_isas();

}  // namespace qat
