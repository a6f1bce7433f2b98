// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/tape/kernel.h"

namespace sextant::fitting::tape {

extern const Kernels kBaselineKernels;
#ifdef SEXTANT_X86_KERNELS
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif

std::vector<CpuLevel> SupportedCpuLevels() {
  std::vector<CpuLevel> levels = {CpuLevel::kBaseline};
#ifdef SEXTANT_X86_KERNELS
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2) levels.push_back(CpuLevel::kAvx2);
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
    levels.push_back(CpuLevel::kAvx512);
  }
#endif
  return levels;
}

const char* CpuLevelName(CpuLevel level) {
  switch (level) {
    case CpuLevel::kAvx2:
      return "AVX2";
    case CpuLevel::kAvx512:
      return "AVX-512";
    case CpuLevel::kBaseline:
      break;
  }
#ifdef SEXTANT_X86_KERNELS
  return "SSE2";
#else
  return "baseline";
#endif
}

const Kernels& KernelsOf(CpuLevel level) {
#ifdef SEXTANT_X86_KERNELS
  if (level == CpuLevel::kAvx512) return kAvx512Kernels;
  if (level == CpuLevel::kAvx2) return kAvx2Kernels;
#endif
  (void)level;
  return kBaselineKernels;
}

const Kernels& BestKernels() {
  static const Kernels& best = KernelsOf(SupportedCpuLevels().back());
  return best;
}

}  // namespace sextant::fitting::tape
