// SPDX-License-Identifier: Apache-2.0
// What "critical batch size" means. The definitions differ by factors, so every number carries its name and
// no function mixes two of them. Batches are in tokens unless a caller uses another unit throughout.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_DEFINITIONS_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_DEFINITIONS_H_

#include <string>
#include <vector>

namespace sextant::fitting {

enum class CriticalBatchDefinition {
  kHyperbola,  // E_min / S_min of (S/S_min - 1)(E/E_min - 1) = 1: both costs double there
               // (McCandlish et al. 2018, arXiv 1812.06162)
  kOverhead,  // the batch whose steps exceed perfect scaling from an anchor batch by a share, 20 % by default
              // (Zhang et al. 2024, arXiv 2410.21676)
  kMinimumCompute,  // the batch that minimises steps x batch (Iiduka et al., arXiv 2402.15344)
  kNoiseScale,      // tr(Sigma) / |G|^2 measured from gradients (McCandlish et al. 2018)
};
// "hyperbola", "overhead", "minimum-compute", "noise-scale".
const char* CriticalBatchDefinitionName(CriticalBatchDefinition definition);

struct BatchInterval {
  double value = 0, low = 0, high = 0;
};

// One critical batch, or the reason why there is none.
struct CriticalBatchEstimate {
  CriticalBatchDefinition definition = CriticalBatchDefinition::kHyperbola;
  bool answered = false;
  std::string reason;          // when not answered
  BatchInterval batch_size;    // in the unit of the input batches
  double target_loss = 0;      // 0 when it does not refer to one
  BatchInterval min_steps;     // S_min; kHyperbola only
  BatchInterval min_tokens;    // E_min; kHyperbola only
  double relative_misfit = 0;  // rms ln residual of the fit
  std::vector<std::string> warnings;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_DEFINITIONS_H_
