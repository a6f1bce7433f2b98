// SPDX-License-Identifier: Apache-2.0
// Laws of the compute-optimal N and D from a study's runs: approaches 1 to 3 of Hoffmann et al. 2022.
#include "fitting/allocation/allocation.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/quantile.h"
#include "base/status_macros.h"
#include "fitting/allocation/flops_count.h"
#include "fitting/families/family.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

// Budgets that differ by less are one: shapes and batches make them uneven.
constexpr double kOneBudget = 0.05;
// Cells whose N and D differ by less are one.
constexpr double kOneCell = 1e-3;
// An isoFLOP study: this many budgets with this many sizes each.
constexpr int kLeastBudgets = 3, kLeastSizes = 4;
// A valley is too flat to read where noise alone moves N* this far (90 %), as a factor.
const double kTooFar = std::log(1.5);
constexpr double kNormal90 = 1.6449;
constexpr int kEnvelopeBudgets = 1500;  // of Hoffmann et al. 2022
constexpr int kCurvePoints = 64;        // of a curve, by the logarithm of its tokens
constexpr double kCurveStart = 0.03;    // share of a curve that is left out: warm-up
constexpr double kLevel = 0.95;         // of the intervals of parameters

const std::vector<std::string>& ApproachNames() {
  static const std::vector<std::string> names = {"auto", "envelope", "isoflop", "parametric"};
  return names;
}

/// The law is p0 * C^p1, found by evaluating it.
bool IsPowerOfCompute(const Law& law) {
  const LawSpec& spec = law.spec();
  if (spec.variables.size() != 1 || spec.variables[0].name != "C" || spec.parameters.size() != 2)
    return false;
  for (const double exponent : {0.3, 0.7}) {
    const double value = law.Evaluate(std::vector<double>{1e20}, std::vector<double>{0.25, exponent});
    if (!(std::abs(std::log(value / 0.25) - exponent * std::log(1e20)) < 1e-9)) return false;
  }
  return true;
}

/// One (N, D) of the study at its best setting.
struct BestRun {
  std::size_t run = 0;  ///< an index: its N, D and C stand for the cell
  double loss = 0;
};

/// Cells of equal N and D; within one, seeds of a setting are averaged and the best setting counts.
std::vector<BestRun> BestOfCells(const std::vector<AllocationRun>& runs, const std::vector<double>& flops,
                                 std::size_t* settings) {
  const auto key = [](double value) { return std::llround(std::log(value) / kOneCell); };
  struct Mean {
    std::size_t run = 0;
    double sum = 0, count = 0;
  };
  using Setting = std::tuple<double, double, double>;
  std::map<std::pair<long long, long long>, std::map<Setting, Mean>> cells;
  const auto known = [](double value) { return std::isfinite(value) ? value : -1; };
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!std::isfinite(flops[i])) continue;
    const AllocationRun& run = runs[i];
    Mean& mean = cells[{key(run.params), key(run.tokens)}]
                      [{known(run.learning_rate), known(run.batch_size_tokens), known(run.weight_decay)}];
    mean.run = i;
    mean.sum += run.loss;
    mean.count += 1;
  }
  std::vector<BestRun> best;
  *settings = 0;
  for (const auto& [cell, tried] : cells) {
    BestRun least;
    least.loss = std::numeric_limits<double>::infinity();
    *settings = std::max(*settings, tried.size());
    for (const auto& [setting, mean] : tried) {
      if (mean.sum / mean.count < least.loss) least = {mean.run, mean.sum / mean.count};
    }
    best.push_back(least);
  }
  return best;
}

/// The study as the approaches take it.
struct Design {
  const std::vector<AllocationRun>* runs = nullptr;
  CountedFlops flops;
  std::vector<BestRun> best;
  std::string approach;
  std::string objective;
};

std::vector<IsoFlopRun> CellsOf(const Design& design, const std::vector<double>& params) {
  std::vector<IsoFlopRun> cells;
  for (const BestRun& best : design.best) {
    cells.push_back(
        {design.flops.flops[best.run], params[best.run], (*design.runs)[best.run].tokens, best.loss});
  }
  return cells;
}

/// A curve averaged within steps of the logarithm of its tokens, its start left out.
std::optional<TrainingCurve> CurveOf(const AllocationRun& run, double params, double flops) {
  if (run.curve_tokens.size() < 8) return std::nullopt;
  const double last = std::log(run.curve_tokens.back());
  const double first = std::max(std::log(kCurveStart) + last, std::log(run.curve_tokens.front()));
  if (!(last > first)) return std::nullopt;
  std::vector<std::array<double, 3>> bins(kCurvePoints);
  for (std::size_t i = 0; i < run.curve_tokens.size(); ++i) {
    const double at = std::log(run.curve_tokens[i]);
    if (at < first || !std::isfinite(run.curve_loss[i])) continue;
    const auto bin = std::min<std::size_t>(
        kCurvePoints - 1, static_cast<std::size_t>((at - first) / (last - first) * kCurvePoints));
    bins[bin][0] += at;
    bins[bin][1] += run.curve_loss[i];
    bins[bin][2] += 1;
  }
  TrainingCurve curve;
  curve.params = params;
  curve.flops_per_token = flops / run.tokens;
  for (const auto& [at, loss, count] : bins) {
    if (count == 0) continue;
    const double tokens = std::exp(at / count);
    if (!curve.tokens.empty() && !(tokens > curve.tokens.back())) continue;
    curve.tokens.push_back(tokens);
    curve.loss.push_back(loss / count);
  }
  return curve.tokens.size() >= 4 ? std::optional(std::move(curve)) : std::nullopt;
}

/// The curves of the best runs; without curves, the final losses of each size as its tokens grow.
std::vector<TrainingCurve> CurvesOf(const Design& design, const std::vector<double>& params,
                                    std::vector<std::string>* warnings) {
  std::vector<TrainingCurve> curves;
  std::size_t decaying = 0;
  for (const BestRun& best : design.best) {
    const AllocationRun& run = (*design.runs)[best.run];
    auto curve = CurveOf(run, params[best.run], design.flops.flops[best.run]);
    if (!curve) continue;
    decaying += run.schedule != "constant" && run.schedule != "wsd";
    curves.push_back(*std::move(curve));
  }
  if (curves.size() >= 3) {
    if (decaying > 0) {
      warnings->push_back(absl::StrCat(
          decaying, " of ", curves.size(),
          " curves are not of a constant rate: a loss before the end of a decaying schedule is no final "
          "loss, and "
          "N* comes out too small at short budgets (Hoffmann et al. 2022; prefer isoflop or parametric)"));
    }
    return curves;
  }
  curves.clear();
  std::map<long long, std::vector<const BestRun*>> sizes;
  for (const BestRun& best : design.best)
    sizes[std::llround(std::log(params[best.run]) / kOneCell)].push_back(&best);
  for (auto& [size, ladder] : sizes) {
    std::sort(ladder.begin(), ladder.end(), [&](const BestRun* a, const BestRun* b) {
      return (*design.runs)[a->run].tokens < (*design.runs)[b->run].tokens;
    });
    TrainingCurve curve;
    curve.params = params[ladder.front()->run];
    double cost = 0;
    for (const BestRun* best : ladder) {
      const AllocationRun& run = (*design.runs)[best->run];
      if (!curve.tokens.empty() && !(run.tokens > curve.tokens.back())) continue;
      curve.tokens.push_back(run.tokens);
      curve.loss.push_back(best->loss);
      cost = design.flops.flops[best->run] / run.tokens;
    }
    curve.flops_per_token = cost;
    if (curve.tokens.size() >= 2) curves.push_back(std::move(curve));
  }
  if (!curves.empty()) {
    warnings->push_back(
        "no curves are recorded: the envelope is that of final losses as each size's tokens grow");
  }
  return curves;
}

absl::StatusOr<AllocationFit> FitDesign(const Design& design, const std::vector<double>& params,
                                        const AllocationBootstrap& bootstrap) {
  if (design.approach == "envelope") {
    std::vector<std::string> warnings;
    const std::vector<TrainingCurve> curves = CurvesOf(design, params, &warnings);
    ASSIGN_OR_RETURN(AllocationFit fit, FitEnvelope(curves, kEnvelopeBudgets, bootstrap));
    fit.warnings.insert(fit.warnings.begin(), warnings.begin(), warnings.end());
    return fit;
  }
  const std::vector<IsoFlopRun> cells = CellsOf(design, params);
  return design.approach == "isoflop" ? FitIsoFlopParabolas(cells, kOneBudget, bootstrap)
                                      : FitParametric(cells, bootstrap, design.objective);
}

/// Which approach the runs are made for.
std::string ChooseApproach(const Design& design, const std::vector<double>& params) {
  std::vector<double> budgets;
  for (const BestRun& best : design.best) budgets.push_back(design.flops.flops[best.run]);
  std::sort(budgets.begin(), budgets.end());
  int full = 0;
  for (std::size_t i = 0; i < budgets.size();) {
    std::size_t end = i;
    while (end < budgets.size() && budgets[end] <= budgets[i] * (1 + kOneBudget)) ++end;
    full += end - i >= kLeastSizes;
    i = end;
  }
  if (full >= kLeastBudgets) {
    Design isoflop = design;
    isoflop.approach = "isoflop";
    const auto fit = FitDesign(isoflop, params, {});
    if (fit.ok() && fit->optima.size() >= kLeastBudgets) return "isoflop";
  }
  return "parametric";
}

void WarnOfFlatness(const AllocationFit& fit, std::vector<std::string>& warnings) {
  int flat = 0;
  double farthest = 0;
  for (const double error : fit.optimum_errors) {
    flat += kNormal90 * error > kTooFar;
    farthest = std::max(farthest, kNormal90 * error);
  }
  if (flat == 0) return;
  warnings.push_back(
      absl::StrFormat("flat valley: at %d of %d budgets the noise of the runs (%.2g in the loss) alone moves "
                      "the optimal size by a "
                      "factor of up to %.2f either way; estimator parametric ties the budgets together, "
                      "and sizes further from "
                      "the optimum or repeated seeds steady it",
                      flat, fit.optimum_errors.size(), fit.noise, std::exp(farthest)));
}

/// The answer under every counting of N that all runs record.
void AddCountings(const Design& design, const std::string& own, const AllocationFit& fit, FitResult& result) {
  const double low = fit.optima.front().flops, high = fit.optima.back().flops;
  std::string steadiest;
  double steadiest_drift = 0;
  std::vector<std::string> said;
  for (std::size_t c = 0; c < kCountings.size(); ++c) {
    std::vector<double> params;
    bool all = true;
    for (const BestRun& best : design.best) all = all && (*design.runs)[best.run].counts[c] > 0;
    if (!all) continue;
    for (const AllocationRun& run : *design.runs) params.push_back(run.counts[c]);
    const auto counted = FitDesign(design, params, {});
    if (!counted.ok()) continue;
    // What tokens per parameter change by over the budgets of the runs.
    const double drift = std::abs(counted->tokens.exponent - counted->params.exponent) * std::log(high / low);
    const std::string name = absl::StrCat("counting.", kCountings[c]);
    result.diagnostics[name + ".params_exponent"] = counted->params.exponent;
    result.diagnostics[name + ".params_coefficient"] = std::exp(counted->params.log_coefficient);
    result.diagnostics[name + ".tokens_per_param_first"] = counted->tokens.At(low) / counted->params.At(low);
    result.diagnostics[name + ".tokens_per_param_last"] = counted->tokens.At(high) / counted->params.At(high);
    said.push_back(absl::StrFormat(
        "%s %.3g to %.3g (N ~ C^%.3f)", kCountings[c], counted->tokens.At(low) / counted->params.At(low),
        counted->tokens.At(high) / counted->params.At(high), counted->params.exponent));
    if (steadiest.empty() || drift < steadiest_drift) {
      steadiest = kCountings[c];
      steadiest_drift = drift;
    }
  }
  if (said.size() < 2) return;
  std::string text;
  for (const std::string& one : said) absl::StrAppend(&text, text.empty() ? "" : "; ", one);
  result.warnings.push_back(
      absl::StrFormat("tokens per parameter from %.3g to %.3g FLOPs by the counting of N: %s. Counting N %s "
                      "gives the steadiest; "
                      "this fit counts N %s",
                      low, high, text, steadiest, own));
}

/// What the largest budget would have been predicted as from the others.
void AddLargestBudget(const Design& design, const std::vector<double>& params, const AllocationFit& fit,
                      FitResult& result) {
  if (design.approach != "isoflop" || fit.optima.size() < 4) return;
  const AllocationFit::Point& last = fit.optima.back();
  Design rest = design;
  rest.best.clear();
  for (const BestRun& best : design.best) {
    if (design.flops.flops[best.run] < last.flops * (1 - kOneBudget)) rest.best.push_back(best);
  }
  const auto without = FitDesign(rest, params, {});
  if (!without.ok()) return;
  result.diagnostics["largest_budget.params_error"] = without->params.At(last.flops) / last.params - 1;
  result.diagnostics["largest_budget.tokens_error"] = without->tokens.At(last.flops) / last.tokens - 1;
}

absl::StatusOr<FitResult> FitAllocation(const std::shared_ptr<const Law>& law, const FitInput& input,
                                        const FitRequest& request) {
  const LawSpec& spec = law->spec();
  if (!IsPowerOfCompute(*law) || !request.fixed_parameters.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("law: compute-optimal sizes are fitted as k * C^a, with no parameter fixed; '", spec.id,
                     "' is ", IsPowerOfCompute(*law) ? "asked to hold one" : "of another form"));
  }
  std::vector<AllocationRun> runs;
  for (const AllocationRun& run : input.allocation) {
    if (run.params > 0 && run.tokens > 0 && run.loss > 0 && std::isfinite(run.loss)) runs.push_back(run);
  }
  if (runs.empty()) return NotIdentifiable("no finished run records N, D and a loss");
  Design design;
  design.runs = &runs;
  const auto asked = OptionsOr<ComputeOptimalOptions>(request);
  ASSIGN_OR_RETURN(design.flops, CountFlops(runs, asked.flops_count, request.param_count));
  std::size_t settings = 0;
  design.best = BestOfCells(runs, design.flops.flops, &settings);
  design.objective = request.loss;
  std::vector<double> params;
  for (const AllocationRun& run : runs) params.push_back(run.params);
  design.approach = request.estimator.empty() || request.estimator == "auto" ? ChooseApproach(design, params)
                                                                             : request.estimator;
  AllocationBootstrap bootstrap;
  bootstrap.replicates = static_cast<int>(request.bootstrap_replicates);
  bootstrap.seed = request.seed;
  bootstrap.interval_level = kLevel;
  bootstrap.deadline = DeadlineOf(request);
  bootstrap.cancel = request.cancelled;
  ASSIGN_OR_RETURN(const AllocationFit fit, FitDesign(design, params, bootstrap));

  FitResult result;
  result.estimator = design.approach;
  result.objective_kind = design.approach != "parametric" ? "squared"
                          : request.loss.empty()          ? "huber:0.001"
                                                          : request.loss;
  result.runs_used = static_cast<std::int64_t>(runs.size());
  result.cells_used = static_cast<std::int64_t>(design.best.size());
  result.starts = result.starts_at_optimum = 1;
  const bool of_params = spec.target == Target::kParams;
  const ComputePowerLaw& line = of_params ? fit.params : fit.tokens;
  std::vector<double> coefficients, exponents;
  for (std::size_t at = of_params ? 0 : 2; at < fit.replicates.size(); at += 4) {
    coefficients.push_back(std::exp(fit.replicates[at]));
    exponents.push_back(fit.replicates[at + 1]);
    result.replicates.push_back(coefficients.back());
    result.replicates.push_back(exponents.back());
  }
  const std::pair<double, const std::vector<double>*> found[] = {
      {std::exp(line.log_coefficient), &coefficients}, {line.exponent, &exponents}};
  for (std::size_t p = 0; p < 2; ++p) {
    ParameterEstimate parameter;
    parameter.name = spec.parameters[p].name;
    parameter.estimate = found[p].first;
    if (!found[p].second->empty()) {
      parameter.low = Quantile(*found[p].second, (1 - kLevel) / 2);
      parameter.high = Quantile(*found[p].second, (1 + kLevel) / 2);
    }
    result.parameters.push_back(std::move(parameter));
  }
  for (const AllocationFit::Point& point : fit.optima) {
    const double residual = std::log((of_params ? point.params : point.tokens) / line.At(point.flops));
    result.objective += residual * residual;
  }
  result.fitted_range["C"] = {fit.optima.front().flops, fit.optima.back().flops};
  result.warnings = design.flops.warnings;
  result.warnings.insert(result.warnings.end(), fit.warnings.begin(), fit.warnings.end());
  if (settings > 1) {
    result.warnings.push_back(
        "cells with several rates or batches count by the mean loss of their best setting, which noise makes "
        "a "
        "little too low");
  }
  WarnOfFlatness(fit, result.warnings);
  for (std::size_t i = 0; i < fit.optima.size() && design.approach == "isoflop" && i < 40; ++i) {
    const std::string name = absl::StrFormat("optimum.%02d", i + 1);
    result.diagnostics[name + ".flops"] = fit.optima[i].flops;
    result.diagnostics[name + ".params"] = fit.optima[i].params;
    result.diagnostics[name + ".tokens"] = fit.optima[i].tokens;
  }
  AddCountings(design, request.param_count, fit, result);
  AddLargestBudget(design, params, fit, result);
  LawSpec counted = spec;
  counted.variables[0].counting = design.flops.six_nd ? "6ND" : design.flops.description;
  result.law_toml = LawSpecToToml(counted);
  result.model = AllocationModel{};
  return result;
}

}  // namespace

const FitFamily kAllocationFamily = {
    .answers =
        [](const LawSpec& law) { return law.target == Target::kParams || law.target == Target::kTokens; },
    .needs = {.races = false, .allocation = true},
    .estimators = ApproachNames,
    .takes =
        [](const KindOptions& options) { return std::holds_alternative<ComputeOptimalOptions>(options); },
    .why_no_holdout =
        [](const LawSpec&) {
          return std::string(
              "not for laws of the compute-optimal size: a run is no optimum to be scored; the fit says what "
              "leaving out its largest budget does");
        },
    .fit = FitAllocation,
    .score = nullptr,
};

}  // namespace sextant::fitting
