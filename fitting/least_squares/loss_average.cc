// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/loss_average.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/progress.h"
#include "base/status_macros.h"
#include "fitting/least_squares/compose_laws.h"
#include "fitting/least_squares/loss_scales.h"

namespace sextant::fitting {
namespace {

constexpr double kLeastError = 1e-6;  // of a held-out error: laws that are exact share the weight

// A fit that may enter an average, with its twin: the estimates without the largest scales.
struct Candidate {
  std::shared_ptr<const Law> law;
  const FitResult* fit = nullptr;
  double error = 0;
  std::vector<double> twin;  // empty where the fit was made elsewhere
};

std::vector<double> Estimates(const FitResult& fit) {
  std::vector<double> estimates;
  for (const ParameterEstimate& parameter : fit.parameters) estimates.push_back(parameter.estimate);
  return estimates;
}

// Why a law of many parameters stays out; OK for others.
absl::Status EnoughRows(const LawSpec& spec, std::size_t rows) {
  const double wanted = kRowsPerParameter * static_cast<double>(spec.parameters.size());
  if (spec.parameters.size() <= kFewParameters || static_cast<double>(rows) >= wanted)
    return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("has ", spec.parameters.size(),
                                                    " parameters and takes part from ", wanted,
                                                    " rows on; there are ", rows));
}

// The most of the candidates, best first, that one law can hold.
absl::StatusOr<LawSpec> ComposeBest(std::vector<Candidate>& candidates, std::vector<std::string>& left_out) {
  absl::StatusOr<LawSpec> composed = absl::InvalidArgumentError("no law to average");
  std::vector<const LawSpec*> specs;
  std::vector<Candidate> kept;
  for (Candidate& candidate : candidates) {
    const std::string& id = candidate.law->spec().id;
    if (kept.size() == kMostMembers) {
      left_out.push_back(
          absl::StrCat(id, ": predicted the held-out scales worse than ", kMostMembers, " others"));
      continue;
    }
    specs.push_back(&candidate.law->spec());
    absl::StatusOr<LawSpec> with = ComposeLaws(specs);
    if (with.ok()) {
      composed = std::move(with);
      kept.push_back(std::move(candidate));
    } else {
      specs.pop_back();
      left_out.push_back(absl::StrCat(id, ": ", std::string(with.status().message())));
      if (!composed.ok()) composed = with.status();
    }
  }
  candidates = std::move(kept);
  return composed;
}

// Candidates best first -> the composed law's fit: parameters, replicates, members and sums of the searches.
absl::StatusOr<FitResult> Compose(std::vector<Candidate>& candidates, std::vector<std::string>& left_out,
                                  std::shared_ptr<const Law>& law) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.error < b.error; });
  ASSIGN_OR_RETURN(LawSpec spec, ComposeBest(candidates, left_out));
  spec.id = kLossAverageId;
  spec.title = "Average of laws of the loss by held-out error";
  ASSIGN_OR_RETURN(law, Law::Compile(std::move(spec), Derivatives::kWhenNeeded));

  const FitResult& first = *candidates.front().fit;
  FitResult result;
  static_cast<FitProvenance&>(result) = first;
  result.law_id = kLossAverageId;
  result.law_toml = LawSpecToToml(law->spec());
  result.estimator = "held-out-average";
  result.runs_used = first.runs_used;
  result.cells_used = first.cells_used;
  result.fitted_range = first.fitted_range;
  LossModel model;
  std::size_t replicates = std::numeric_limits<std::size_t>::max();
  double total = 0;
  for (const Candidate& candidate : candidates) {
    const double error = std::max(candidate.error, kLeastError);
    model.members.push_back({candidate.law->spec().id, std::pow(error, -kErrorPower), candidate.error});
    total += model.members.back().weight;
    replicates = std::min(replicates, candidate.fit->replicates.size() / candidate.fit->parameters.size());
  }
  const std::vector<ParameterSpec>& names = law->spec().parameters;
  for (LossMember& member : model.members) {
    member.weight /= total;
    result.parameters.push_back({names[result.parameters.size()].name, member.weight, {}, {}, false});
    result.diagnostics["weight." + member.law] = member.weight;
    result.diagnostics["held_out_error." + member.law] = member.held_out_error;
  }
  for (std::size_t m = 0; m < candidates.size(); ++m) {
    const FitResult& fit = *candidates[m].fit;
    for (ParameterEstimate parameter : fit.parameters) {
      parameter.name = names[result.parameters.size()].name;
      result.parameters.push_back(std::move(parameter));
    }
    result.objective += model.members[m].weight * fit.objective;
    result.starts += fit.starts;
    result.starts_at_optimum += fit.starts_at_optimum;
    result.condition_number = std::max(result.condition_number, fit.condition_number);
    for (const std::string& warning : fit.warnings)
      result.warnings.push_back(absl::StrCat(fit.law_id, ": ", warning));
  }
  // One seed draws the same rows for every law: their replicates belong together.
  for (std::size_t r = 0; r < replicates; ++r) {
    for (const LossMember& member : model.members) result.replicates.push_back(member.weight);
    for (const Candidate& candidate : candidates) {
      const std::size_t p = candidate.fit->parameters.size();
      const double* row = candidate.fit->replicates.data() + r * p;
      result.replicates.insert(result.replicates.end(), row, row + p);
    }
  }
  result.bootstrap_replicates = static_cast<std::int64_t>(replicates);
  result.model = std::move(model);
  return result;
}

// The estimates of a fit that has not seen the largest scales, and which those are.
struct Twin {
  ScaleSplit split;
  std::vector<double> estimates;
  HoldoutScore score;
};

absl::StatusOr<Twin> FitTwin(const std::shared_ptr<const Law>& law, const LawData& data,
                             const SolveOptions& options, double fraction) {
  SolveOptions part = options;
  part.replicates = 0;
  part.diagnostics = false;
  Twin twin;
  ASSIGN_OR_RETURN(twin.split, SplitLargestScales(*law, data, fraction));
  ASSIGN_OR_RETURN(const FitResult fit, FitLaw(law, SelectRows(data, twin.split.train), part));
  twin.estimates = Estimates(fit);
  const LawData held_out = SelectRows(data, twin.split.held_out);
  ASSIGN_OR_RETURN(twin.score, ScoreHeldOut(law, twin.estimates, held_out));
  for (const double error : LogErrors(*law, held_out, twin.estimates)) {
    if (!std::isfinite(error)) {
      return absl::FailedPreconditionError("without them the law predicts no positive loss there");
    }
  }
  return twin;
}

bool GaveUp(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsDeadlineExceeded(status);
}

// Fills what the held-out scales say; `p` parameters were free.
void Measure(const Law& law, const LawData& data, std::span<const double> estimates, const Twin* twin,
             double p, LossModel& model) {
  model.noise = NoiseAtLargeScales(law, data, estimates, p);
  model.largest_scale = LargestScale(law.spec(), data);
  if (twin == nullptr) return;
  const LawData held_out = SelectRows(data, twin->split.held_out);
  const std::vector<double> errors = LogErrors(law, held_out, twin->estimates);
  double squares = 0, relative = 0;
  for (const double error : errors) {
    squares += error * error;
    relative += std::abs(std::expm1(error));
  }
  const auto rows = static_cast<double>(errors.size());
  model.held_out_sd = std::sqrt(squares / rows);
  model.held_out_error = relative / rows;
  model.held_out_reach = std::max(
      0.0, MeanScale(law.spec(), held_out) - LargestScale(law.spec(), SelectRows(data, twin->split.train)));
}

struct LossFit {
  FitResult result;
  std::optional<Twin> twin;
};

absl::StatusOr<LossFit> FitWithTwin(const std::shared_ptr<const Law>& law, const LawData& data,
                                    const SolveOptions& options, double fraction) {
  LossFit fit;
  ASSIGN_OR_RETURN(fit.result, FitLaw(law, data, options));
  absl::Status why;
  for (const double held_out : {fraction, fraction / 2}) {
    absl::StatusOr<Twin> twin = FitTwin(law, data, options, held_out);
    if (twin.ok()) {
      fit.twin = *std::move(twin);
      break;
    }
    if (GaveUp(twin.status())) return twin.status();
    if (why.ok()) why = twin.status();
  }
  if (!fit.twin) {
    fit.result.warnings.push_back(
        absl::StrCat("the largest scales could not be held out, so the interval of a run's loss lacks what "
                     "extrapolation costs: ",
                     std::string(why.message())));
  }
  LossModel model;
  Measure(*law, data, Estimates(fit.result), fit.twin ? &*fit.twin : nullptr,
          static_cast<double>(fit.result.parameters.size()), model);
  // Fitted to plain residuals a law may not be positive at every row: it then has no spread of ln loss.
  if (std::isfinite(model.noise)) {
    fit.result.model = std::move(model);
  } else {
    fit.result.model = LeastSquaresModel{};
  }
  return fit;
}

}  // namespace

bool MayBeAveraged(const LawSpec& law, const LawSpec& average) {
  return law.target == Target::kLoss && law.id != average.id && !law.expression.empty() && !law.published() &&
         SameVariables(law, average);
}

absl::StatusOr<FitResult> FitLossLaw(const std::shared_ptr<const Law>& law, const LawData& data,
                                     const SolveOptions& options, double held_out_fraction) {
  ASSIGN_OR_RETURN(LossFit fit, FitWithTwin(law, data, options, held_out_fraction));
  return std::move(fit.result);
}

absl::StatusOr<FitResult> FitLossAverage(const std::vector<std::shared_ptr<const Law>>& laws,
                                         const LawData& all, const SolveOptions& options,
                                         double held_out_fraction, double scale_weight) {
  if (laws.empty()) return absl::InvalidArgumentError("no law to average");
  const LawData data = WeightedByScale(laws.front()->spec(), all, scale_weight);
  std::vector<LossFit> fits(laws.size());
  std::vector<Candidate> candidates;
  std::vector<std::string> left_out;
  std::optional<ScaleSplit> split;
  absl::Status first;
  const auto leave_out = [&](std::size_t l, const absl::Status& why) {
    if (first.ok()) first = why;
    left_out.push_back(absl::StrCat(laws[l]->spec().id, ": ", std::string(why.message())));
  };
  const ProgressPhase phase("laws", static_cast<std::int64_t>(laws.size()));
  for (std::size_t l = 0; l < laws.size(); ++l, phase.Add()) {
    if (!SameVariables(laws[l]->spec(), laws.front()->spec())) {
      leave_out(
          l, absl::InvalidArgumentError(absl::StrCat("has other variables than ", laws.front()->spec().id)));
      continue;
    }
    if (const absl::Status enough = EnoughRows(laws[l]->spec(), data.size()); !enough.ok()) {
      leave_out(l, enough);
      continue;
    }
    absl::StatusOr<LossFit> fit = FitWithTwin(laws[l], data, options, held_out_fraction);
    if (GaveUp(fit.status())) return fit.status();
    if (!fit.ok()) {
      leave_out(l, fit.status());
      continue;
    }
    fits[l] = *std::move(fit);
    if (!fits[l].twin) {
      leave_out(l, absl::FailedPreconditionError("too few rows to hold the largest scales out"));
      continue;
    }
    if (!std::holds_alternative<LossModel>(fits[l].result.model)) {
      leave_out(l, absl::FailedPreconditionError("it predicts no positive loss at some of the rows"));
      continue;
    }
    // Errors compare at the same rows only: laws that need more rows than the others leave are out.
    if (!split) split = fits[l].twin->split;
    if (split->held_out != fits[l].twin->split.held_out) {
      leave_out(l, absl::FailedPreconditionError("too few rows are left for it without the largest scales"));
      continue;
    }
    candidates.push_back(
        {laws[l], &fits[l].result, fits[l].twin->score.mean_relative_error, fits[l].twin->estimates});
  }
  if (candidates.empty()) return first;
  std::shared_ptr<const Law> law;
  ASSIGN_OR_RETURN(FitResult result, Compose(candidates, left_out, law));
  auto& model = std::get<LossModel>(result.model);
  Twin twin;
  twin.split = *split;
  double parameters = 0;
  for (const LossMember& member : model.members) twin.estimates.push_back(member.weight);
  for (std::size_t m = 0; m < candidates.size(); ++m) {
    twin.estimates.insert(twin.estimates.end(), candidates[m].twin.begin(), candidates[m].twin.end());
    parameters += model.members[m].weight * static_cast<double>(candidates[m].twin.size());
  }
  Measure(*law, data, Estimates(result), &twin, parameters, model);
  if (!std::isfinite(model.noise) || !std::isfinite(model.held_out_sd) ||
      !std::isfinite(model.held_out_error) || !std::isfinite(model.held_out_reach)) {
    return absl::FailedPreconditionError(
        "the laws' average is no finite number at some of the rows; check the unit of the losses");
  }
  for (const std::string& each : left_out) result.warnings.push_back("left out of the average: " + each);
  return result;
}

absl::StatusOr<FitResult> AverageLossFits(std::span<const FitResult* const> fits) {
  std::vector<Candidate> candidates;
  std::vector<std::string> left_out;
  for (const FitResult* fit : fits) {
    const auto* model = std::get_if<LossModel>(&fit->model);
    if (model == nullptr || !model->members.empty() || !std::isfinite(model->held_out_error) ||
        fit->parameters.empty() || fit->data_digest != fits.front()->data_digest) {
      continue;
    }
    ASSIGN_OR_RETURN(LawSpec spec, ParseLawSpec(fit->law_toml));
    ASSIGN_OR_RETURN(std::shared_ptr<const Law> law, Law::Compile(std::move(spec), Derivatives::kWhenNeeded));
    if (const absl::Status enough = EnoughRows(law->spec(), static_cast<std::size_t>(fit->runs_used));
        !enough.ok()) {
      left_out.push_back(absl::StrCat(fit->law_id, ": ", std::string(enough.message())));
      continue;
    }
    candidates.push_back({std::move(law), fit, model->held_out_error, {}});
  }
  std::shared_ptr<const Law> law;
  if (candidates.size() < 2) return absl::FailedPreconditionError("fewer than two fits can be averaged");
  ASSIGN_OR_RETURN(FitResult result, Compose(candidates, left_out, law));
  if (candidates.size() < 2) return absl::FailedPreconditionError("fewer than two laws can be averaged");
  auto& average = std::get<LossModel>(result.model);
  const auto& first = std::get<LossModel>(candidates.front().fit->model);
  average.cell_best = first.cell_best;
  average.runs_considered = first.runs_considered;
  average.held_out_reach = first.held_out_reach;
  average.largest_scale = first.largest_scale;
  average.held_out_error = 0;
  // Root mean squares are convex: those of the average are at most these.
  for (std::size_t m = 0; m < candidates.size(); ++m) {
    const auto& model = std::get<LossModel>(candidates[m].fit->model);
    const double weight = average.members[m].weight;
    average.noise += weight * model.noise;
    average.held_out_sd += weight * model.held_out_sd;
    average.held_out_error += weight * model.held_out_error;
  }
  for (const std::string& each : left_out) result.warnings.push_back("left out of the average: " + each);
  return result;
}

}  // namespace sextant::fitting
