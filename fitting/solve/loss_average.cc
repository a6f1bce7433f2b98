#include "fitting/solve/loss_average.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "fitting/solve/compare.h"
#include "fitting/solve/summary.h"

namespace sextant::fitting {
namespace {

constexpr std::size_t kMembers = 5;
constexpr double kLeastError = 1e-6;  // of a held-out error: laws that are exact share the weight
// The half-widths of intervals, in units of a normal's, chosen by leaving whole sets of runs out
// (loss_laws_bench).
constexpr double kWidth = 1.0;
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

double LogAverage(const std::vector<LossAverageMember>& members, std::span<const double> variables) {
  double sum = 0;
  for (const LossAverageMember& member : members)
    sum += member.weight * std::log(member.law->Evaluate(variables, Parameters(member.fit)));
  return sum;
}

// Root mean square of ln(predicted / observed) over `rows`.
double LogError(const std::vector<LossAverageMember>& members, const LawData& data,
                std::span<const std::size_t> rows) {
  double sum = 0;
  for (const std::size_t row : rows)
    sum += std::pow(LogAverage(members, Row(data, row)) - std::log(data.observed[row]), 2);
  return std::sqrt(sum / static_cast<double>(rows.size()));
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
  average.held_out_sd = LogError(members, data, split.held_out);
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const std::size_t row : split.train)
    largest = std::max(largest, LogScale(first.spec(), Row(data, row)));
  for (const std::size_t row : split.held_out) sum += LogScale(first.spec(), Row(data, row));
  average.held_out_reach = sum / static_cast<double>(split.held_out.size()) - largest;
  return absl::OkStatus();
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

  double parameters = 0;
  std::vector<std::size_t> all(data.size());
  for (std::size_t row = 0; row < data.size(); ++row) {
    all[row] = row;
    average.largest_scale =
        std::max(row == 0 ? -std::numeric_limits<double>::infinity() : average.largest_scale,
                 LogScale(average.members.front().law->spec(), Row(data, row)));
  }
  for (const LossAverageMember& member : average.members)
    parameters += member.weight * static_cast<double>(member.fit.parameters.size());
  const auto n = static_cast<double>(data.size());
  average.noise = LogError(average.members, data, all) * std::sqrt(n / std::max(1.0, n - parameters));
  RETURN_IF_ERROR(ScoreHeldOutAverage(data, options, held_out_fraction, average));
  return average;
}

LossPrediction PredictLoss(const LossAverage& average, std::span<const double> variables, double level) {
  const double centre = LogAverage(average.members, variables);
  LossPrediction prediction;
  prediction.value = std::exp(centre);
  double disagreement = 0;
  std::size_t replicates = std::numeric_limits<std::size_t>::max();
  for (const LossAverageMember& member : average.members) {
    const double own = std::log(member.law->Evaluate(variables, Parameters(member.fit)));
    disagreement += member.weight * (own - centre) * (own - centre);
    replicates = std::min(replicates, member.fit.replicates.size() / member.fit.parameters.size());
  }
  // One seed draws the same rows for every law: their replicates belong together.
  std::vector<double> draws;
  for (std::size_t r = 0; r < replicates; ++r) {
    double sum = 0;
    for (const LossAverageMember& member : average.members) {
      const std::size_t p = member.fit.parameters.size();
      sum += member.weight *
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
  const double z = kWidth * NormalHalfWidth(level);
  const double other =
      z * std::sqrt(average.noise * average.noise + disagreement + std::pow(reach * average.held_out_sd, 2));
  prediction.low = std::exp(centre - std::hypot(below, other));
  prediction.high = std::exp(centre + std::hypot(above, other));
  return prediction;
}

}  // namespace sextant::fitting
