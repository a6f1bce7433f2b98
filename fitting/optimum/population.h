// SPDX-License-Identifier: Apache-2.0
// How exponents of optimal rate and batch spread over studies.
#pragma once

#include <array>
#include <vector>

#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// weights . exponents is near `mean` in most studies, give or take `deviation`; the exponents in law order.
struct ExponentPopulation {
  std::array<double, 2> weights;
  double mean;
  double deviation;
};

/// The population that a study's exponents are drawn from. The rate at its joint optimum with the batch and
/// the rate while the batch is held (`partner_free` false) are different quantities and have populations of
/// their own, and so has the batch.
std::vector<ExponentPopulation> ExponentPopulations(OptimumTarget target, LawVariables variables,
                                                    bool partner_free);

}  // namespace sextant::fitting::optimum
