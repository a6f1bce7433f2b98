// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/loss_scales.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/quantile.h"
#include "fitting/least_squares/loss_average.h"

namespace sextant::fitting {
namespace {

// Of the half-width: its parts are not independent of each other. The least that holds 90 % of the held-out
// losses of the other studies, whichever of them is left out (loss_laws_bench).
constexpr double kWidth = 0.7;
// Errors grow with the distance in ln scale; the held-out scales are one such distance.
constexpr double kMostReach = 4;

std::vector<double> Row(const LawData& data, std::size_t row) {
  std::vector<double> variables;
  for (const std::vector<double>& column : data.columns) variables.push_back(column[row]);
  return variables;
}

// By weight, how far ln(loss) of the laws of an average lies from `centre`; 0 for one law.
double Disagreement(const LossModel& model, const Law& law, std::span<const double> parameters,
                    std::span<const double> variables, double centre) {
  std::vector<double> alone(parameters.begin(), parameters.end());
  double variance = 0;
  for (std::size_t m = 0; m < model.members.size(); ++m) {
    // The composition is linear in the weights: with one at 1 it is that law.
    for (std::size_t other = 0; other < model.members.size(); ++other) alone[other] = other == m ? 1 : 0;
    const double away = std::log(law.Evaluate(variables, alone)) - centre;
    if (std::isfinite(away)) variance += model.members[m].weight * away * away;
  }
  return variance;
}

}  // namespace

double LogScale(const LawSpec& spec, std::span<const double> variables) {
  double sum = 0;
  bool any = false;
  for (std::size_t v = 0; v < variables.size(); ++v) {
    const std::string& name = spec.variables[v].name;
    if (name != "N" && name != "D" && name != "C") continue;
    sum += std::log(variables[v]);
    any = true;
  }
  return any || variables.empty() ? sum : std::log(variables[0]);
}

double LargestScale(const LawSpec& spec, const LawData& data) {
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < data.size(); ++row)
    largest = std::max(largest, LogScale(spec, Row(data, row)));
  return largest;
}

double MeanScale(const LawSpec& spec, const LawData& data) {
  double sum = 0;
  for (std::size_t row = 0; row < data.size(); ++row) sum += LogScale(spec, Row(data, row));
  return sum / static_cast<double>(data.size());
}

LawData WeightedByScale(const LawSpec& spec, const LawData& data, double power) {
  LawData weighted = data;
  if (data.size() == 0 || data.columns.size() != spec.variables.size()) return weighted;  // FitLaw says so
  if (weighted.weights.empty()) weighted.weights.assign(data.size(), 1);
  const double largest = LargestScale(spec, data);
  double total = 0;
  for (std::size_t row = 0; row < data.size(); ++row)
    total += weighted.weights[row] *= std::exp(power * (LogScale(spec, Row(data, row)) - largest));
  for (double& weight : weighted.weights) weight *= static_cast<double>(data.size()) / total;
  return weighted;
}

std::vector<double> LogErrors(const Law& law, const LawData& data, std::span<const double> parameters) {
  std::vector<double> errors;
  for (std::size_t row = 0; row < data.size(); ++row)
    errors.push_back(std::log(law.Evaluate(Row(data, row), parameters) / data.observed[row]));
  return errors;
}

double NoiseAtLargeScales(const Law& law, const LawData& data, std::span<const double> parameters,
                          double count) {
  std::vector<std::size_t> rows(data.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::vector<double> scale;
  for (const std::size_t row : rows) scale.push_back(LogScale(law.spec(), Row(data, row)));
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return scale[a] > scale[b]; });
  rows.resize(std::max(std::min<std::size_t>(rows.size(), 10), rows.size() / 2));
  std::vector<double> errors = LogErrors(law, SelectRows(data, rows), parameters);
  for (double& error : errors) error = std::abs(error);
  const auto n = static_cast<double>(data.size());
  return Quantile(std::move(errors), 0.9) / NormalHalfWidth(0.9) * std::sqrt(n / std::max(1.0, n - count));
}

double NormalHalfWidth(double level) {
  // Bisection on the error function: levels are in (0, 1) and this is asked once a prediction.
  double low = 0, high = 40;
  for (int i = 0; i < 80; ++i) {
    const double middle = 0.5 * (low + high);
    (std::erf(middle / std::sqrt(2.0)) < level ? low : high) = middle;
  }
  return low;
}

LossInterval IntervalOfRun(const LossModel& model, const Law& law, std::span<const double> parameters,
                           std::span<const double> variables, double value, double parameter_low,
                           double parameter_high, double level) {
  const double centre = std::log(value);
  const double below = std::max(0.0, centre - std::log(parameter_low));
  const double above = std::max(0.0, std::log(parameter_high) - centre);
  const double distance = LogScale(law.spec(), variables) - model.largest_scale;
  const double reach =
      model.held_out_reach > 0 ? std::clamp(distance / model.held_out_reach, 0.0, kMostReach) : 0.0;
  const double other =
      NormalHalfWidth(level) *
      std::sqrt(model.noise * model.noise + Disagreement(model, law, parameters, variables, centre) +
                std::pow(reach * model.held_out_sd, 2));
  LossInterval interval;
  interval.parameter_low = std::exp(centre - below);
  interval.parameter_high = std::exp(centre + above);
  interval.low = std::exp(centre - std::max(below, kWidth * std::hypot(below, other)));
  interval.high = std::exp(centre + std::max(above, kWidth * std::hypot(above, other)));
  return interval;
}

}  // namespace sextant::fitting
