// SPDX-License-Identifier: Apache-2.0
// Can these data tell these parameters apart?
#pragma once

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "fitting/least_squares/evaluator.h"

namespace sextant::fitting::solve {

/// Condition number of the normal matrix J' W J at a point, its columns scaled to length 1 so that units do
/// not count. Infinity for a column of zeros or a law that is not finite there.
double ConditionNumber(Evaluator& evaluator, const std::vector<double>& walked);

/// Refusals that need no fit: fewer rows (of positive weight, or distinct points) than free parameters, all
/// observed values equal. NotIdentifiable (refusal.h).
absl::Status CheckDesign(const Law& law, const LawData& data, const ParameterMap& map);

/// Refuses a design under which the parameters are indistinguishable at every one of `points`; names the
/// variables that take a single value, which is the usual cause.
absl::Status CheckIdentifiable(Evaluator& evaluator, const Law& law, const LawData& data,
                               const std::vector<std::vector<double>>& points);

/// The normal matrix's inverse times the residual variance: standard errors of the walked parameters where
/// there is no bootstrap. Empty when singular.
std::vector<double> NormalStandardErrors(Evaluator& evaluator, const std::vector<double>& walked);

}  // namespace sextant::fitting::solve
