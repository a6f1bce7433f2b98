// SPDX-License-Identifier: Apache-2.0
// Laws with parameters planted in noisy data, by formulas written here: nothing of the evaluator enters.
#pragma once

#include <vector>

#include "tests/fitting/planted_forms.h"
#include "tests/fitting/planted_law.h"
#include "tests/fitting/planted_powers.h"
#include "tests/fitting/planted_terms.h"

namespace sextant::fitting::planted {

inline std::vector<PlantedLaw> All() {
  std::vector<PlantedLaw> all = OfSeveralTerms();
  for (const auto& more : {OfForms(), OfPowers()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace sextant::fitting::planted
