// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/draws.h"

#include <cmath>

#include "base/quantile.h"
#include "fitting/optimum/form_spread.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/surface_parameters.h"

namespace sextant::fitting {

OptimumDraws::OptimumDraws(const OptimumModel& fit)
    : variables_(fit.variables),
      params_(fit.params),
      tokens_(fit.tokens),
      constant_(fit.replicate_count),
      exponents_(fit.law_parameters - 1, std::vector<double>(fit.replicate_count)) {
  const std::size_t columns = fit.parameter_count();
  const std::optional<std::size_t> bend = optimum::BendColumn(fit);
  if (bend && fit.replicate_count > 0) {
    bends_.assign(3, std::vector<double>(fit.replicate_count));
    bend_centre_ =
        optimum::ReadBend(fit.replicates.data() + *bend).centre;  // that of the design: one for all
  }
  const std::optional<std::size_t> beyond = optimum::BeyondColumn(fit);
  if (beyond && fit.replicate_count > 0) {
    beyond_.assign(2, std::vector<double>(fit.replicate_count));
  }
  for (std::size_t r = 0; r < fit.replicate_count; ++r) {
    const double* row = fit.replicates.data() + r * columns;
    constant_[r] = row[0] + row[columns - 1];  // the last column is `offset`
    for (std::size_t v = 0; v < exponents_.size(); ++v) exponents_[v][r] = row[v + 1];
    for (std::size_t k = 0; k < bends_.size(); ++k) bends_[k][r] = row[*bend + k];
    for (std::size_t k = 0; k < beyond_.size(); ++k) beyond_[k][r] = row[*beyond + k];
  }
}

std::optional<std::pair<double, double>> OptimumDraws::Interval(double params, double tokens,
                                                                double confidence) const {
  if (constant_.empty()) return std::nullopt;
  const optimum::LogVariables logs = optimum::LawLogVariables(variables_, std::log(params), std::log(tokens));
  thread_local std::vector<double> draws, scratch;
  draws.assign(constant_.begin(), constant_.end());
  for (std::size_t v = 0; v < exponents_.size(); ++v) {
    const double log_variable = logs.x[v];
    const double* exponent = exponents_[v].data();
    for (std::size_t r = 0; r < draws.size(); ++r) draws[r] += exponent[r] * log_variable;
  }
  const double x = logs.x[0] - bend_centre_[0], y = logs.x[1] - bend_centre_[1];
  const std::array<double, 3> squares = {x * x, x * y, y * y};
  for (std::size_t k = 0; k < bends_.size(); ++k) {
    const double* bend = bends_[k].data();
    for (std::size_t r = 0; r < draws.size(); ++r) draws[r] += bend[r] * squares[k];
  }
  const std::array<double, 2> distance = {optimum::BeyondRange(params_, std::log(params)),
                                          optimum::BeyondRange(tokens_, std::log(tokens))};
  for (std::size_t k = 0; k < beyond_.size(); ++k) {
    if (distance[k] == 0) continue;
    const double* slope = beyond_[k].data();
    for (std::size_t r = 0; r < draws.size(); ++r) draws[r] += slope[r] * distance[k];
  }
  const auto [low, high] = TailQuantiles(draws, (1 - confidence) / 2, scratch);
  return std::pair{std::exp(low), std::exp(high)};
}

}  // namespace sextant::fitting
