// SPDX-License-Identifier: Apache-2.0
// The Chinchilla law's log residual and Jacobian, written by hand for one CPU level: what a text law is
// compared with.
#pragma once

#include <cstddef>

namespace sextant::bench {

struct ChinchillaColumns {
  std::size_t points;
  const double* minus_log_params;  ///< -ln N
  const double* minus_log_tokens;  ///< -ln D
};

/// log_value[i] = ln(E + A N^-alpha + B D^-beta); jacobian columns in the order E, A, B, alpha, beta.
using HandKernel = void (*)(const ChinchillaColumns& data, const double* parameters, double* log_value,
                            double* jacobian);

extern const HandKernel kHandBaseline;
#ifdef SEXTANT_X86_KERNELS
extern const HandKernel kHandAvx2, kHandAvx512;
#endif

}  // namespace sextant::bench
