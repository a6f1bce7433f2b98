// SPDX-License-Identifier: Apache-2.0
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "base/quantile.h"
#include "base/status_macros.h"
#include "fitting/critical_batch/from_runs.h"
#include "fitting/families/family.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

using Definition = CriticalBatchDefinition;

constexpr double kConfidence = 0.9;         // of the cells' own intervals
constexpr double kNormalQuantile = 1.6449;  // of 0.95: half such an interval in standard deviations
constexpr double kLeastError = 0.05;        // of ln B: keeps one lucky cell from deciding alone
constexpr std::size_t kShownReasons = 3;

Definition DefinitionOf(const std::string& estimator) {
  for (const Definition definition :
       {Definition::kOverhead, Definition::kMinimumCompute, Definition::kNoiseScale}) {
    if (estimator == CriticalBatchDefinitionName(definition)) return definition;
  }
  return Definition::kHyperbola;
}

/// True for B_star * L^(-1/alpha), found by evaluating it, with the parameters in that order.
bool IsLossPowerLaw(const Law& law) {
  const LawSpec& spec = law.spec();
  if (spec.variables.size() != 1 || spec.variables[0].name != "L" || spec.parameters.size() != 2)
    return false;
  for (const double alpha : {0.2, 0.7}) {
    const double value = law.Evaluate(std::vector<double>{3.1}, std::vector<double>{2e6, alpha});
    if (!(std::abs(std::log(value / 2e6) + std::log(3.1) / alpha) < 1e-9)) return false;
  }
  return true;
}

/// The joint fit over all curves and targets, as a result.
FitResult FromLossLaw(const LawSpec& spec, const LossPowerLaw& law, double objective) {
  FitResult result;
  const std::pair<const BatchInterval*, const std::vector<double>*> found[] = {
      {&law.b_star, &law.b_star_draws}, {&law.alpha, &law.alpha_draws}};
  for (std::size_t i = 0; i < 2; ++i) {
    ParameterEstimate parameter;
    parameter.name = spec.parameters[i].name;
    parameter.estimate = found[i].first->value;
    if (!found[i].second->empty()) {
      parameter.low = Quantile(*found[i].second, 0.025);
      parameter.high = Quantile(*found[i].second, 0.975);
    }
    result.parameters.push_back(std::move(parameter));
  }
  for (std::size_t r = 0; r < law.b_star_draws.size(); ++r) {
    result.replicates.push_back(law.b_star_draws[r]);
    result.replicates.push_back(law.alpha_draws[r]);
  }
  result.objective = objective;
  result.objective_kind = "squared";
  result.starts = result.starts_at_optimum = 1;
  result.fitted_range["L"] = {law.lowest_loss, law.highest_loss};
  return result;
}

/// One row a cell that has a critical batch by the definition.
struct CellRows {
  LawData data;
  std::vector<double> errors;          ///< sd of ln B; 0 where reading errors are unknown
  std::map<std::string, int> reasons;  ///< of the cells without one
  std::vector<std::string> warnings;
};

std::optional<double> VariableOf(const std::string& name, const CellCriticalBatch& cell,
                                 const CriticalBatchEstimate& estimate) {
  if (name == "N") return cell.params;
  if (name == "D") return cell.tokens;
  if (name == "C") return 6 * cell.params * cell.tokens;
  if (name == "L") return estimate.target_loss;
  return std::nullopt;
}

absl::StatusOr<CellRows> RowsOf(const LawSpec& spec, const CriticalBatchReport& report,
                                Definition definition) {
  CellRows rows;
  rows.data.columns.resize(spec.variables.size());
  for (const CellCriticalBatch& cell : report.cells) {
    for (const CriticalBatchEstimate& estimate : cell.estimates) {
      if (estimate.definition != definition) continue;
      if (!estimate.answered) {
        ++rows.reasons[estimate.reason];
        continue;
      }
      for (std::size_t v = 0; v < spec.variables.size(); ++v) {
        const std::optional<double> value = VariableOf(spec.variables[v].name, cell, estimate);
        if (!value) {
          return absl::InvalidArgumentError(absl::StrCat("law '", spec.id, "' needs variable '",
                                                         spec.variables[v].name,
                                                         "'; critical batches have N, D, C and L"));
        }
        rows.data.columns[v].push_back(*value);
      }
      rows.data.observed.push_back(estimate.batch_size.value);
      rows.data.run_ids.push_back(absl::StrCat("N = ", cell.params, ", D = ", cell.tokens));
      const bool read = std::any_of(cell.points.begin(), cell.points.end(),
                                    [](const StepsToTarget& point) { return point.log_steps_error > 0; });
      const double half = 0.5 * std::log(estimate.batch_size.high / estimate.batch_size.low);
      rows.errors.push_back(read && std::isfinite(half) ? half / kNormalQuantile : 0);
      for (const std::string& warning : estimate.warnings) {
        if (std::find(rows.warnings.begin(), rows.warnings.end(), warning) == rows.warnings.end()) {
          rows.warnings.push_back(warning);
        }
      }
    }
  }
  return rows;
}

std::string Reasons(const std::map<std::string, int>& reasons) {
  std::vector<std::string> lines;
  for (const auto& [reason, count] : reasons) {
    if (lines.size() == kShownReasons) break;
    lines.push_back(absl::StrCat(reason, " (", count, count == 1 ? " cell)" : " cells)"));
  }
  return absl::StrJoin(lines, "; ");
}

/// How far cells scatter about the law, of ln B: what the residuals say, but no less than the reading errors.
double Scatter(const Law& law, const FitResult& fit, const CellRows& rows) {
  std::vector<double> parameters, variables(rows.data.columns.size());
  for (const ParameterEstimate& parameter : fit.parameters) parameters.push_back(parameter.estimate);
  double squares = 0, errors = 0, weights = 0;
  for (std::size_t row = 0; row < rows.data.size(); ++row) {
    for (std::size_t v = 0; v < variables.size(); ++v) variables[v] = rows.data.columns[v][row];
    const double residual = std::log(law.Evaluate(variables, parameters) / rows.data.observed[row]);
    const double weight = rows.data.weights.empty() ? 1 : rows.data.weights[row];
    squares += weight * residual * residual;
    errors += weight * rows.errors[row] * rows.errors[row];
    weights += weight;
  }
  const auto n = static_cast<double>(rows.data.size());
  const double free = n - static_cast<double>(parameters.size());
  const double residual_variance = free > 0 ? squares / weights * n / free : 0;
  return std::sqrt(std::max(residual_variance, errors / weights));
}

absl::StatusOr<FitResult> FitToCells(const std::shared_ptr<const Law>& law, CellRows rows,
                                     const FitRequest& request) {
  SolveOptions options;
  if (!request.loss.empty()) {
    ASSIGN_OR_RETURN(Objective objective, ParseObjective(request.loss));
    options.objective = objective;
  }
  options.fixed = request.fixed_parameters;
  options.seed = request.seed;
  options.cancel = request.cancelled;
  options.deadline = DeadlineOf(request);
  if (std::all_of(rows.errors.begin(), rows.errors.end(), [](double error) { return error > 0; })) {
    std::vector<double> deviations;
    for (const double error : rows.errors) deviations.push_back(std::hypot(error, kLeastError));
    ASSIGN_OR_RETURN(std::vector<double> weights, WeightsFromStandardDeviations(deviations));
    rows.data.weights = std::move(weights);
  }
  absl::StatusOr<FitResult> result = FitLaw(law, rows.data, options);
  if (!result.ok() || request.bootstrap_replicates == 0) return result;
  options.bootstrap = BootstrapKind::kParametricNoise;
  options.noise_sd = Scatter(*law, *result, rows);
  options.replicates = static_cast<int>(request.bootstrap_replicates);
  if (!(options.noise_sd > 0)) {
    result->warnings.push_back("no intervals: as many parameters as cells, and reading errors are unknown");
    return result;
  }
  return FitLaw(law, rows.data, options);
}

/// "auto" and the definitions.
const std::vector<std::string>& DefinitionNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"auto"};
    for (const Definition definition : {Definition::kHyperbola, Definition::kOverhead,
                                        Definition::kMinimumCompute, Definition::kNoiseScale}) {
      all.push_back(CriticalBatchDefinitionName(definition));
    }
    return all;
  }();
  return names;
}

/// Fits `law` (in N, D, C or L) to the critical batches of the races, by the definition that
/// `request.estimator` names, each cell weighing by its reading errors where those are known.
/// `B_star * L^(-1/alpha)` by the hyperbola or the noise scale is fitted to all targets of all curves at
/// once. Intervals: cells scatter about the law by what its residuals and reading errors say (parametric
/// noise). NotIdentifiable, with the reasons, when too few cells have a critical batch; InvalidArgument for a
/// variable that critical batches do not have.
absl::StatusOr<FitResult> FitCriticalBatch(const std::shared_ptr<const Law>& law, const FitInput& input,
                                           const FitRequest& request) {
  const LawSpec& spec = law->spec();
  const std::vector<BatchRun>& runs = input.races;
  if (runs.empty()) {
    return NotIdentifiable("no finished run records N, D and batch size");
  }
  const Definition definition = DefinitionOf(request.estimator);
  const std::string name = CriticalBatchDefinitionName(definition);
  FromRunsOptions options;
  options.steps.confidence = kConfidence;
  options.steps.replicates = static_cast<int>(request.bootstrap_replicates);
  options.steps.seed = request.seed;
  const auto asked = OptionsOr<CriticalBatchOptions>(request);
  options.steps.overhead = asked.overhead;
  options.steps.anchor_batch = asked.overhead_anchor_tokens;
  options.target_losses = asked.target_losses;
  ASSIGN_OR_RETURN(CriticalBatchReport report, EstimateCriticalBatch(runs, options));

  absl::StatusOr<FitResult> result = absl::UnknownError("");
  const bool whole_curves = IsLossPowerLaw(*law) && request.fixed_parameters.empty();
  std::int64_t cells = static_cast<std::int64_t>(report.cells.size());
  std::vector<std::string> warnings = report.warnings;
  if (whole_curves && definition == Definition::kHyperbola && report.has_loss_law) {
    result = FromLossLaw(spec, report.loss_law, report.loss_law_objective);
  } else if (whole_curves && definition == Definition::kNoiseScale && report.has_noise_scale_law) {
    result = FromLossLaw(spec, report.noise_scale_law, 0);
  } else {
    ASSIGN_OR_RETURN(CellRows rows, RowsOf(spec, report, definition));
    cells = static_cast<std::int64_t>(rows.data.size());
    const std::string reasons = Reasons(rows.reasons);
    if (cells == 0) {
      return NotIdentifiable(absl::StrCat("no cell has a critical batch by the ", name, " definition",
                                          reasons.empty() ? "" : ": ", reasons));
    }
    if (!reasons.empty()) warnings.push_back(absl::StrCat("cells without a critical batch: ", reasons));
    warnings.insert(warnings.end(), rows.warnings.begin(), rows.warnings.end());
    result = FitToCells(law, std::move(rows), request);
  }
  if (!result.ok()) return result.status();
  result->estimator = name;
  result->runs_used = static_cast<std::int64_t>(runs.size());
  result->cells_used = cells;
  result->warnings.insert(result->warnings.end(), warnings.begin(), warnings.end());
  result->model = CriticalBatchModel{};
  return result;
}

}  // namespace

const FitFamily kCriticalBatchFamily = {
    .answers = [](const LawSpec& law) { return law.target == Target::kCriticalBatchSizeTokens; },
    .needs = {.races = true, .laws = false, .allocation = false, .curves = false},
    .estimators = DefinitionNames,
    .takes = [](const KindOptions& options) { return std::holds_alternative<CriticalBatchOptions>(options); },
    .why_no_holdout =
        [](const LawSpec&) {
          return std::string("not for laws of the critical batch: a cell is no run to be scored");
        },
    .fit = FitCriticalBatch,
    .score = nullptr,
};

}  // namespace sextant::fitting
