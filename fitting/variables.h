// SPDX-License-Identifier: Apache-2.0
// The values of a law's variables at a prediction target: where each comes from, and what to say about it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fitting/law/law.h"
#include "fitting/predict.h"

namespace sextant::fitting {

/// Variables resolved for one law. `refusal` is empty when every value is there.
struct ResolvedVariables {
  std::vector<double> values;                                 ///< in the order of LawSpec::variables
  std::vector<std::string> inputs;                            ///< "N = 1e+09 parameters (non-embedding)", …
  std::vector<std::string> warnings;                          ///< stand-ins used, ranges left
  double extrapolation_params = 1, extrapolation_tokens = 1;  ///< ratio to the fitted range of N and D
  double extrapolation = 1;                                   ///< the largest ratio over all variables
  std::string refusal;                                        ///< why the law cannot answer here
};

/// N is the target's params, D its tokens, C = 6 N D, B the fixed batch, S = D / B, L the given loss or what
/// the variable's `from_law` predicts. `ranges` are the fitted ranges by variable name; those of the law's
/// own spec are used where it has no entry. `catalogue` may be null.
ResolvedVariables ResolveVariables(const Law& law, const PredictionTarget& target,
                                   const std::map<std::string, Range>& ranges, const Catalogue* catalogue);

/// How far `value` lies beyond `range`, as a ratio of at least 1.
double BeyondRange(const Range& range, double value);

}  // namespace sextant::fitting
