// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/law_spec.h"

#include <algorithm>

namespace sextant::fitting {

bool LawSpec::published() const {
  return std::all_of(parameters.begin(), parameters.end(),
                     [](const ParameterSpec& p) { return p.fixed || p.value.has_value(); });
}

}  // namespace sextant::fitting
