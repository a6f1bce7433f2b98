// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/fit_law.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/status_macros.h"
#include "fitting/least_squares/ceres_solve.h"
#include "fitting/least_squares/diagnostics.h"
#include "fitting/least_squares/identifiability.h"
#include "fitting/least_squares/independent_search.h"
#include "fitting/least_squares/kinked_search.h"
#include "fitting/least_squares/replicates.h"
#include "fitting/least_squares/summary.h"

namespace sextant::fitting {
namespace {

// Ceres may not gain on the polished start, but neither may it lose.
constexpr double kCeresAgreement = 1e-9;
// An optimum that fewer starts and steps reached than this may have a better one beside it.
constexpr int kLeastAgreeing = 3;

absl::StatusOr<Objective> ChooseObjective(const LawSpec& spec, const SolveOptions& options) {
  if (options.objective) return *options.objective;
  if (spec.fit_loss.empty()) return Objective();
  return ParseObjective(spec.fit_loss);
}

absl::Status ValidateOptions(const SolveOptions& options, const LawSpec& spec) {
  if (options.replicates < 0 || options.replicates > kMaxReplicates) {
    return absl::InvalidArgumentError(absl::StrCat("replicates must lie between 0 and ", kMaxReplicates));
  }
  if (!(options.interval_level > 0) || !(options.interval_level < 1)) {
    return absl::InvalidArgumentError("the interval level must lie between 0 and 1");
  }
  if (!std::isfinite(options.noise_sd) || options.noise_sd < 0) {
    return absl::InvalidArgumentError("the noise's standard deviation must be finite and not negative");
  }
  if (options.random_starts < 0 || options.random_starts > 100'000) {
    return absl::InvalidArgumentError("random starts must lie between 0 and 100000");
  }
  for (const std::vector<double>& start : options.starts) {
    if (start.size() != spec.parameters.size()) {
      return absl::InvalidArgumentError(absl::StrCat("a start has ", start.size(), " values, law '", spec.id,
                                                     "' ", spec.parameters.size(), " parameters"));
    }
  }
  return absl::OkStatus();
}

// Rows of weight 0 say nothing; the solver never sees them.
LawData DropUnweighted(const LawData& data) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < data.size(); ++row) {
    if (data.weights.empty() || data.weights[row] > 0) rows.push_back(row);
  }
  return SelectRows(data, rows);
}

// Ends with Ceres: the estimate is where it converges, or where the polish did when Ceres finds nothing
// better.
absl::Status FinishWithCeres(solve::Polisher& polisher, solve::Polished& best, FitResult& result) {
  solve::Evaluator& evaluator = polisher.evaluator();
  evaluator.SetDelta(best.delta);
  const solve::CeresResult ceres = solve::SolveWithCeres(evaluator, best.walked);
  if (!ceres.converged) {
    result.warnings.push_back(absl::StrCat("the final solve did not converge: ", ceres.message));
  }
  double scale = 1;
  const double value = polisher.Value(ceres.walked, &scale);
  const double slack = kCeresAgreement * std::max(std::abs(best.value), 1e-300);
  if (!std::isfinite(value) || value > best.value + slack) {
    return absl::InternalError(absl::StrCat("the final solve left the optimum: objective ", value, " after ",
                                            best.value, " (", ceres.message, ")"));
  }
  best.walked = ceres.walked;
  best.value = value;
  best.scale = scale;
  result.diagnostics["ceres_iterations"] = ceres.iterations;
  return absl::OkStatus();
}

// Writes down what was searched, and doubts an optimum that hardly anything reached.
void Certify(const solve::IndependentSearch& found, const std::string& starts, solve::Search& search,
             FitResult& result) {
  solve::CountAtOptimum(solve::kSameKinkedOptimum, search);
  const int agreeing = found.AtOptimum(search.best.value);
  result.diagnostics["search.independent"] = static_cast<double>(found.values.size());
  result.diagnostics["search.independent_at_optimum"] = agreeing;
  if (search.at_optimum + agreeing >= kLeastAgreeing) return;
  result.warnings.push_back(absl::StrCat("not shown to be the optimum: of ", search.starts, " starts", starts,
                                         " ", search.at_optimum, " ended there, and ", agreeing, " of ",
                                         found.values.size(), " further steps between the minima found"));
}

absl::Status NeverFinite(const LawSpec& spec) {
  return absl::InvalidArgumentError(absl::StrCat(
      "law '", spec.id, "' is not finite at the data from any start (a division by zero, an overflow or the ",
      "logarithm of a negative number); check the columns' units or give starts and bounds"));
}

// Where starts disagree, another way of searching says whether there is a better optimum.
absl::Status FindOptimum(const std::shared_ptr<const Law>& law, const LawData& data,
                         solve::Evaluator& evaluator, const Objective& objective,
                         const solve::AffineStructure& structure, const solve::StartOptions& start_options,
                         const solve::StopCheck& stop, solve::Search& search, FitResult& result) {
  const std::vector<std::vector<double>> starts =
      solve::MakeStarts(evaluator, law->spec(), data, objective, structure, start_options);
  if (starts.empty()) return NeverFinite(law->spec());
  RETURN_IF_ERROR(solve::CheckIdentifiable(evaluator, *law, data, starts));
  if (absl::Status status = solve::PolishStarts(evaluator, objective, starts, false, stop, search);
      !status.ok() || 4 * search.at_optimum >= search.starts) {
    return status;
  }
  solve::IndependentSearch found;
  RETURN_IF_ERROR(
      solve::SearchIndependently(evaluator, objective, false, start_options.seed, stop, search, found));
  Certify(found, "", search, result);
  return absl::OkStatus();
}

absl::Status FindKinkedOptimum(const std::shared_ptr<const Law>& law, const solve::BranchedLaw& branched,
                               const LawData& data, solve::Evaluator& evaluator, const Objective& objective,
                               const SolveOptions& options, const solve::StopCheck& stop,
                               solve::Search& search, FitResult& result) {
  solve::KinkedSearch found;
  RETURN_IF_ERROR(
      solve::SearchKinked(law, branched, data, evaluator, objective, options, stop, search, found));
  if (!std::isfinite(search.best.value)) return NeverFinite(law->spec());
  std::vector<std::vector<double>> points = {search.best.walked};
  for (const solve::Polished& polished : search.polished) points.push_back(polished.walked);
  RETURN_IF_ERROR(solve::CheckIdentifiable(evaluator, *law, data, points));
  result.diagnostics["search.branch_assignments"] = found.assignments;
  Certify(
      found.independent,
      absl::StrCat(", in ", found.assignments, " assignments of the runs to the branches of min and max,"),
      search, result);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FitResult> FitLaw(std::shared_ptr<const Law> law, const LawData& all,
                                 const SolveOptions& options) {
  const LawSpec& spec = law->spec();
  RETURN_IF_ERROR(ValidateOptions(options, spec));
  ASSIGN_OR_RETURN(const Objective objective, ChooseObjective(spec, options));
  const bool log_residuals = objective.residual == ResidualKind::kLog;
  RETURN_IF_ERROR(ValidateLawData(*law, all, log_residuals));
  ASSIGN_OR_RETURN(const solve::ParameterMap map,
                   solve::ParameterMap::Make(spec, options.bounds, options.fixed));
  const LawData data = DropUnweighted(all);
  RETURN_IF_ERROR(solve::CheckDesign(*law, data, map));
  const solve::StopCheck stop = solve::MakeStopCheck(options.deadline, options.cancel);
  RETURN_IF_ERROR(stop());

  solve::Evaluator evaluator(law, data, map, objective.residual);
  solve::StartOptions start_options;
  start_options.random = options.random_starts;
  start_options.seed = options.seed;
  for (const std::vector<double>& start : options.starts) {
    start_options.given.emplace_back(map.free_count());
    map.ToWalked(start, start_options.given.back());
  }
  const solve::AffineStructure structure =
      solve::FindAffineStructure(evaluator, solve::ProbePoint(spec, map));
  solve::Search search;
  FitResult result;
  const std::optional<solve::BranchedLaw> branched = solve::SeparateBranches(spec);
  RETURN_IF_ERROR(
      branched
          ? FindKinkedOptimum(law, *branched, data, evaluator, objective, options, stop, search, result)
          : FindOptimum(law, data, evaluator, objective, structure, start_options, stop, search, result));
  solve::Polisher polisher(evaluator, objective);
  RETURN_IF_ERROR(FinishWithCeres(polisher, search.best, result));

  solve::ReplicateFits replicates;
  if (options.replicates > 0) {
    std::vector<double> residual;
    evaluator.Residuals(search.best.walked, residual, nullptr);
    std::vector<double> fitted = evaluator.observed();
    for (std::size_t row = 0; row < fitted.size(); ++row) fitted[row] += residual[row];
    const solve::Resampler resampler(data, options.bootstrap, options.seed, fitted, evaluator.observed(),
                                     options.noise_sd);
    RETURN_IF_ERROR(solve::FitReplicates(evaluator, objective, resampler, search.best.walked,
                                         structure.log_linear, options.replicates, stop, options.progress,
                                         replicates));
  }
  solve::Summarise(*law, data, options, objective, polisher, search, replicates, stop, result);
  RETURN_IF_ERROR(stop());
  return result;
}

absl::StatusOr<HoldoutScore> ScoreHeldOut(std::shared_ptr<const Law> law,
                                          const std::vector<double>& parameters, const LawData& data) {
  RETURN_IF_ERROR(ValidateLawData(*law, data, true));
  if (parameters.size() != law->spec().parameters.size()) {
    return absl::InvalidArgumentError("the number of parameters is not the law's");
  }
  HoldoutScore score;
  std::vector<double> variables(data.columns.size());
  for (std::size_t row = 0; row < data.size(); ++row) {
    for (std::size_t v = 0; v < variables.size(); ++v) variables[v] = data.columns[v][row];
    const double error = std::abs(law->Evaluate(variables, parameters) / data.observed[row] - 1);
    if (!std::isfinite(error)) {
      return absl::InvalidArgumentError(
          absl::StrCat("law '", law->spec().id, "' has no finite prediction at ", data.RowName(row)));
    }
    score.mean_relative_error += error / static_cast<double>(data.size());
  }
  score.runs = static_cast<std::int64_t>(data.size());
  return score;
}

}  // namespace sextant::fitting
