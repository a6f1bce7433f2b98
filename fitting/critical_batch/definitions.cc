// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/definitions.h"

namespace sextant::fitting {

const char* CriticalBatchDefinitionName(CriticalBatchDefinition definition) {
  switch (definition) {
    case CriticalBatchDefinition::kHyperbola:
      return "hyperbola";
    case CriticalBatchDefinition::kOverhead:
      return "overhead";
    case CriticalBatchDefinition::kMinimumCompute:
      return "minimum-compute";
    case CriticalBatchDefinition::kNoiseScale:
      return "noise-scale";
  }
  return "unknown";
}

}  // namespace sextant::fitting
