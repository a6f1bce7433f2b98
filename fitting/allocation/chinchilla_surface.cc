// SPDX-License-Identifier: Apache-2.0
#include "fitting/allocation/chinchilla_surface.h"

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "fitting/least_squares/fit_law.h"

namespace sextant::fitting::solve {
namespace {

// Ratios C / (N D) closer than this are one number.
constexpr double kSameCost = 1e-3;

absl::StatusOr<std::shared_ptr<const Law>> SurfaceLaw() {
  LawSpec spec;
  spec.id = "surface";
  spec.target = Target::kLoss;
  spec.expression = "E + A / N^alpha + B / D^beta";
  spec.variables.resize(2);
  spec.variables[0].name = "N";
  spec.variables[1].name = "D";
  for (const char* name : {"E", "A", "B", "alpha", "beta"}) {
    ParameterSpec parameter;
    parameter.name = name;
    parameter.bounds.low = 0;
    if (parameter.name == "A" || parameter.name == "B") parameter.transform = "log";
    spec.parameters.push_back(parameter);
  }
  return Law::Compile(spec);
}

}  // namespace

LogCost CostOf(const std::vector<IsoFlopRun>& runs) {
  LogCost cost;
  const auto n = static_cast<Eigen::Index>(runs.size());
  if (n == 0) return cost;
  double low = 1e300, high = -1e300;
  for (const IsoFlopRun& run : runs) {
    const double ratio = std::log(run.flops / (run.params * run.tokens));
    low = std::min(low, ratio);
    high = std::max(high, ratio);
  }
  if (high - low < kSameCost) {
    cost.at = 0.5 * (low + high);
    return cost;
  }
  Eigen::MatrixXd design(n, 3);
  Eigen::VectorXd flops(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const IsoFlopRun& run = runs[static_cast<std::size_t>(i)];
    design.row(i) << 1, std::log(run.params), std::log(run.tokens);
    flops[i] = std::log(run.flops);
  }
  const Eigen::Vector3d fit = design.colPivHouseholderQr().solve(flops);
  // A cost that falls with size or length is no cost: one number stands for all.
  if (!(fit[1] > 0 && fit[2] > 0)) {
    cost.at = 0.5 * (low + high);
    cost.largest_residual = 0.5 * (high - low);
    return cost;
  }
  cost.at = fit[0];
  cost.params = fit[1];
  cost.tokens = fit[2];
  cost.largest_residual = (design * fit - flops).cwiseAbs().maxCoeff();
  return cost;
}

double ChinchillaSurface::Loss(double params, double tokens) const {
  return values_[0] + values_[1] * std::pow(params, -values_[3]) + values_[2] * std::pow(tokens, -values_[4]);
}

// Where A N^-alpha + B D^-beta is least on at + p ln N + t ln D = ln C:
// alpha A N^-alpha / p = beta B D^-beta / t.
OptimalPowerLaws ChinchillaSurface::Lines(std::size_t row) const {
  const double* v = values_.data() + 5 * row;
  const double alpha = v[3], beta = v[4], p = cost_.params, t = cost_.tokens;
  const double balance = std::log(alpha * v[1] * t / (beta * v[2] * p));
  const double scale = alpha * t + beta * p;
  OptimalPowerLaws lines;
  lines.params.exponent = beta / scale;
  lines.params.log_coefficient = (t * balance - beta * cost_.at) / scale;
  lines.tokens.exponent = (1 - p * lines.params.exponent) / t;
  lines.tokens.log_coefficient = (-cost_.at - p * lines.params.log_coefficient) / t;
  return lines;
}

absl::StatusOr<ChinchillaSurface> FitChinchilla(const std::vector<IsoFlopRun>& runs,
                                                const AllocationBootstrap& bootstrap,
                                                const std::string& objective) {
  LawData data;
  data.columns.resize(2);
  for (const IsoFlopRun& run : runs) {
    data.columns[0].push_back(run.params);
    data.columns[1].push_back(run.tokens);
    data.observed.push_back(run.loss);
  }
  SolveOptions options;
  options.diagnostics = false;
  options.replicates = bootstrap.replicates;
  options.seed = bootstrap.seed;
  options.deadline = bootstrap.deadline;
  options.cancel = bootstrap.cancel;
  if (!objective.empty()) {
    ASSIGN_OR_RETURN(Objective parsed, ParseObjective(objective));
    options.objective = parsed;
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<const Law> law, SurfaceLaw());
  ASSIGN_OR_RETURN(const FitResult fit, FitLaw(law, data, options));
  std::vector<double> values;
  for (const ParameterEstimate& parameter : fit.parameters) values.push_back(parameter.estimate);
  values.insert(values.end(), fit.replicates.begin(), fit.replicates.end());
  return ChinchillaSurface(std::move(values), CostOf(runs));
}

}  // namespace sextant::fitting::solve
