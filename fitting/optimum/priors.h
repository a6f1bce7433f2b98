// SPDX-License-Identifier: Apache-2.0
// Weak priors on the exponents of optimal rate and batch.
#pragma once

#include <array>
#include <vector>

#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// Normal prior on weights . exponents, the exponents in law order.
struct ExponentPrior {
  std::array<double, 2> weights;
  double mean;
  double deviation;
};

/// What published laws share, whatever their recipe. Along a path of constant D/N the rate falls with an
/// exponent near -0.33 (Step Law 2503.04715: -0.41, OpenEuroLLM 2608.28308: -0.33, DeepSeek 2401.02954:
/// -0.25, Ling 2507.17702: -0.31, Porian et al. 2406.19146: -0.36, Bjorck et al. 2409.19913 at fixed batch:
/// -0.55) and the batch rises with one near 0.57 (0.57, 0.60, 0.65, 0.73, 0.70, Schaipp 2607.01487: 0.57,
/// Power Lines 2505.13738: 0.38, Zhang et al. 2410.21676: 0.47). How that splits between N and D differs
/// between them, and the prior leaves it open.
std::vector<ExponentPrior> ExponentPriors(OptimumTarget target, LawVariables variables);

}  // namespace sextant::fitting::optimum
