// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/loss_average.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/status_macros.h"
#include "fitting/least_squares/compare.h"
#include "fitting/least_squares/summary.h"

namespace sextant::fitting {
namespace {

constexpr std::size_t kMembers = 5;
constexpr double kLeastError = 1e-6;  // of a held-out error: laws that are exact share the weight
// Of the half-width: its parts are not independent of each other. The least that holds 90 % of the held-out
// losses of the other studies, whichever of six studies is left out (loss_laws_bench).
constexpr double kWidth = 0.7;
// Errors grow with the distance in ln scale; the held-out scales are one such distance.
constexpr double kMostReach = 4;

std::vector<double> Parameters(const FitResult& fit) {
  std::vector<double> parameters;
  for (const ParameterEstimate& parameter : fit.parameters) parameters.push_back(parameter.estimate);
  return parameters;
}

double LogScale(const LawSpec& spec, std::span<const double> variables) {
  double sum = 0;
  bool any = false;
  for (std::size_t v = 0; v < variables.size(); ++v) {
    const std::string& name = spec.variables[v].name;
    if (name != "N" && name != "D" && name != "C") continue;
    sum += std::log(variables[v]);
    any = true;
  }
  return any ? sum : std::log(variables[0]);
}

std::vector<double> Row(const LawData& data, std::size_t row) {
  std::vector<double> variables;
  for (const std::vector<double>& column : data.columns) variables.push_back(column[row]);
  return variables;
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

// What the members say at one point, with the weight of each there.
struct Opinions {
  std::vector<double> log_loss, weight;
  double mean = 0, variance = 0;  // by weight
};

// Variance of a member's ln(loss) at a point, by its replicates; 0 without any.
double ReplicateVariance(const LossAverageMember& member, std::span<const double> variables) {
  const std::size_t p = member.fit.parameters.size(), rows = member.fit.replicates.size() / p;
  double sum = 0, squares = 0, count = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const double value = std::log(member.law->Evaluate(variables, {member.fit.replicates.data() + r * p, p}));
    if (!std::isfinite(value)) continue;
    sum += value;
    squares += value * value;
    count += 1;
  }
  return count > 1 ? std::max(0.0, (squares - sum * sum / count) / (count - 1)) : 0;
}

// A law whose parameters leave much open there says less there.
Opinions Ask(const std::vector<LossAverageMember>& members, std::span<const double> variables) {
  Opinions opinions;
  double total = 0;
  for (const LossAverageMember& member : members) {
    opinions.log_loss.push_back(std::log(member.law->Evaluate(variables, Parameters(member.fit))));
    const double error = member.held_out_error;
    total += opinions.weight.emplace_back(1 / (error * error + ReplicateVariance(member, variables)));
  }
  for (double& weight : opinions.weight) weight /= total;
  for (std::size_t m = 0; m < members.size(); ++m) opinions.mean += opinions.weight[m] * opinions.log_loss[m];
  for (std::size_t m = 0; m < members.size(); ++m)
    opinions.variance += opinions.weight[m] * std::pow(opinions.log_loss[m] - opinions.mean, 2);
  return opinions;
}

std::vector<double> LogErrors(const std::vector<LossAverageMember>& members, const LawData& data,
                              std::span<const std::size_t> rows) {
  std::vector<double> errors;
  for (const std::size_t row : rows)
    errors.push_back(Ask(members, Row(data, row)).mean - std::log(data.observed[row]));
  return errors;
}

double RootMeanSquare(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

// Sd of ln(loss) about the average among the larger half of the runs: small ones often lie off every law, and
// say nothing about the next large one. From the 90 % quantile, since a few runs always went wrong.
double NoiseAtLargeScales(const std::vector<LossAverageMember>& members, const LawData& data,
                          double parameters) {
  std::vector<std::size_t> rows(data.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const LawSpec& spec = members.front().law->spec();
  std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
    return LogScale(spec, Row(data, a)) > LogScale(spec, Row(data, b));
  });
  rows.resize(std::max(std::min<std::size_t>(rows.size(), 10), rows.size() / 2));
  std::vector<double> errors = LogErrors(members, data, rows);
  for (double& error : errors) error = std::abs(error);
  std::sort(errors.begin(), errors.end());
  const auto n = static_cast<double>(data.size());
  return solve::SortedQuantile(errors, 0.9) / NormalHalfWidth(0.9) *
         std::sqrt(n / std::max(1.0, n - parameters));
}

// What extrapolation to the largest scales cost: the same average, fitted without them.
absl::Status ScoreHeldOutAverage(const LawData& data, const SolveOptions& options, double fraction,
                                 LossAverage& average) {
  const Law& first = *average.members.front().law;
  ASSIGN_OR_RETURN(const ScaleSplit split, SplitLargestScales(first, data, fraction));
  SolveOptions part = options;
  part.replicates = 0;
  part.diagnostics = false;
  std::vector<LossAverageMember> members = average.members;
  const LawData train = SelectRows(data, split.train);
  for (LossAverageMember& member : members) {
    ASSIGN_OR_RETURN(FitResult fit, FitLaw(member.law, train, part));
    member.fit = std::move(fit);
  }
  average.held_out_sd = RootMeanSquare(LogErrors(members, data, split.held_out));
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const std::size_t row : split.train)
    largest = std::max(largest, LogScale(first.spec(), Row(data, row)));
  for (const std::size_t row : split.held_out) sum += LogScale(first.spec(), Row(data, row));
  average.held_out_reach = sum / static_cast<double>(split.held_out.size()) - largest;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LossAverage> AverageLossLaws(const std::vector<std::shared_ptr<const Law>>& laws,
                                            const LawData& data, const SolveOptions& options,
                                            double held_out_fraction) {
  if (laws.empty()) return absl::InvalidArgumentError("no law to average");
  std::vector<LawComparison> compared = CompareLaws(laws, data, options, held_out_fraction);
  if (!compared.front().status.ok()) return compared.front().status;
  LossAverage average;
  double total = 0;
  for (LawComparison& law : compared) {
    const std::string& id = law.law->spec().id;
    if (!law.status.ok()) {
      average.left_out.push_back(absl::StrCat(id, ": ", std::string(law.status.message())));
      continue;
    }
    const double error = std::max(law.held_out.mean_relative_error, kLeastError);
    if (average.members.size() == kMembers) {
      average.left_out.push_back(
          absl::StrCat(id, ": predicted the held-out scales worse than ", kMembers, " others"));
      continue;
    }
    average.members.push_back({law.law, std::move(law.fit), error, 1 / (error * error)});
    total += average.members.back().weight;
  }
  for (LossAverageMember& member : average.members) member.weight /= total;

  average.largest_scale = -std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < data.size(); ++row) {
    average.largest_scale =
        std::max(average.largest_scale, LogScale(average.members.front().law->spec(), Row(data, row)));
  }
  double parameters = 0;
  for (const LossAverageMember& member : average.members)
    parameters += member.weight * static_cast<double>(member.fit.parameters.size());
  average.noise = NoiseAtLargeScales(average.members, data, parameters);
  RETURN_IF_ERROR(ScoreHeldOutAverage(data, options, held_out_fraction, average));
  return average;
}

LossPrediction PredictLoss(const LossAverage& average, std::span<const double> variables, double level) {
  const Opinions opinions = Ask(average.members, variables);
  const double centre = opinions.mean;
  LossPrediction prediction;
  prediction.value = std::exp(centre);
  std::size_t replicates = std::numeric_limits<std::size_t>::max();
  for (const LossAverageMember& member : average.members)
    replicates = std::min(replicates, member.fit.replicates.size() / member.fit.parameters.size());
  // One seed draws the same rows for every law: their replicates belong together.
  std::vector<double> draws;
  for (std::size_t r = 0; r < replicates; ++r) {
    double sum = 0;
    for (std::size_t m = 0; m < average.members.size(); ++m) {
      const LossAverageMember& member = average.members[m];
      const std::size_t p = member.fit.parameters.size();
      sum += opinions.weight[m] *
             std::log(member.law->Evaluate(variables, {member.fit.replicates.data() + r * p, p}));
    }
    if (std::isfinite(sum)) draws.push_back(sum);
  }
  double below = 0, above = 0;  // half-widths that the parameters leave open
  if (!draws.empty()) {
    std::sort(draws.begin(), draws.end());
    below = std::max(0.0, centre - solve::SortedQuantile(draws, 0.5 * (1 - level)));
    above = std::max(0.0, solve::SortedQuantile(draws, 0.5 * (1 + level)) - centre);
  }
  prediction.parameter_low = std::exp(centre - below);
  prediction.parameter_high = std::exp(centre + above);
  const double distance = LogScale(average.members.front().law->spec(), variables) - average.largest_scale;
  const double reach =
      average.held_out_reach > 0 ? std::clamp(distance / average.held_out_reach, 0.0, kMostReach) : 0.0;
  const double z = NormalHalfWidth(level);
  const double other = z * std::sqrt(average.noise * average.noise + opinions.variance +
                                     std::pow(reach * average.held_out_sd, 2));
  prediction.low = std::exp(centre - std::max(below, kWidth * std::hypot(below, other)));
  prediction.high = std::exp(centre + std::max(above, kWidth * std::hypot(above, other)));
  return prediction;
}

}  // namespace sextant::fitting
