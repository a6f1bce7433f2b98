// SPDX-License-Identifier: Apache-2.0
// What a fit says about itself beside its estimate.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fitting/fit_result.h"
#include "fitting/least_squares/polish.h"
#include "fitting/least_squares/starts.h"

namespace sextant::fitting::solve {

/// The runs whose removal moves the estimate most, strongest first, at most 10. Candidates come from the
/// one-step approximation (inverse Hessian times the run's gradient); each is then left out and the fit
/// polished again. `standard_errors` are those of the walked parameters (0: that parameter does not count).
std::vector<Influence> FindInfluence(Polisher& polisher, const LawData& data, const Polished& estimate,
                                     const std::vector<double>& standard_errors, const StopCheck& stop);

/// For every parameter the largest relative change of its estimate when Huber's delta is a tenth, a third,
/// three and ten times as large: "huber_delta_sensitivity.NAME". Empty for objectives without a delta of
/// their own.
std::map<std::string, double> HuberDeltaSensitivity(Evaluator& evaluator, const Objective& objective,
                                                    const LawSpec& spec, const Polished& estimate);

/// Twice the negative log-likelihood of the residuals at the estimate under the density that belongs to the
/// objective (normal, Huber's, Laplace), its scale estimated. The basis of AIC and BIC; of residuals, so only
/// comparable between fits of one residual kind to the same rows.
double MinusTwoLogLikelihood(Polisher& polisher, const Polished& estimate);

}  // namespace sextant::fitting::solve
