// SPDX-License-Identifier: Apache-2.0
#include "server/service/compare_fits.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/least_squares/compare.h"
#include "fitting/optimum/compare.h"
#include "server/error.h"
#include "server/exclusion.h"
#include "server/filter.h"
#include "server/names.h"

namespace sextant::server {
namespace {

constexpr int kMaxLaws = 50;

absl::Status CompareEstimators(const v1::CompareFitsRequest& request, const fitting::RunTable& runs,
                               v1::CompareFitsResponse& response) {
  fitting::CompareOptions options;
  options.estimators.assign(request.estimators().begin(), request.estimators().end());
  if (request.has_band()) options.band = request.band();
  auto comparison = fitting::CompareEstimators(runs, options);
  if (!comparison.ok()) return Annotate(comparison.status(), "study", request.parent());
  for (const fitting::SplitScore& score : comparison->scores) {
    v1::EstimatorScore& out = *response.add_estimators();
    out.set_estimator(score.estimator);
    out.set_split(fitting::SplitName(score.split));
    out.set_mean_excess_pct(score.mean_excess_pct);
    out.set_max_excess_pct(score.max_excess_pct);
    out.set_cells(score.cells);
  }
  response.set_cells_scored(comparison->cells_scored);
  for (const std::string& warning : comparison->warnings) response.add_warnings(warning);
  return absl::OkStatus();
}

absl::Status CompareLaws(Core& core, const v1::CompareFitsRequest& request, const fitting::RunTable& runs,
                         v1::CompareFitsResponse& response) {
  std::vector<std::shared_ptr<const fitting::Law>> laws;
  const auto known = core.laws->Load();
  for (const std::string& name : request.laws()) {
    const auto id = ParseLawName(name);
    const auto found = known->find(id ? *id : name);
    if (found == known->end()) return MissingLaw(*known, id ? *id : name);
    laws.push_back(found->second.law);
  }
  fitting::SolveOptions options;
  options.diagnostics = false;
  if (!request.loss().empty()) {
    auto objective = fitting::ParseObjective(request.loss());
    if (!objective.ok()) return InvalidField("loss", std::string(objective.status().message()));
    options.objective = *objective;
  }
  const double fraction = request.has_holdout_fraction() ? request.holdout_fraction() : 0.2;
  if (!(fraction > 0 && fraction < 1)) return InvalidField("holdout_fraction", "must lie between 0 and 1");
  auto data = fitting::LawDataFromRuns(*laws.front(), runs);
  if (!data.ok()) return Annotate(data.status(), "study", request.parent());
  response.set_runs_used(static_cast<int>(data->size()));
  for (const fitting::LawComparison& each : fitting::CompareLaws(laws, *data, options, fraction)) {
    v1::LawScore& out = *response.add_laws();
    out.set_law(each.law->spec().id);
    if (!each.status.ok()) {
      out.set_error(std::string(each.status.message()));
      continue;
    }
    out.set_mean_relative_error(each.held_out.mean_relative_error);
    out.set_held_out_runs(static_cast<int>(each.held_out.runs));
    out.set_aic(each.aic);
    out.set_bic(each.bic);
    out.set_rank_by_held_out(each.rank_by_held_out);
    out.set_rank_by_aic(each.rank_by_aic);
    out.set_objective(each.fit.objective);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CompareFits(Core& core, const v1::CompareFitsRequest& request,
                         v1::CompareFitsResponse& response) {
  const auto study = ParseStudyName(request.parent());
  if (!study) return InvalidField("parent", "not of the form studies/STUDY");
  if (request.laws_size() > kMaxLaws) return InvalidField("laws", absl::StrCat("at most ", kMaxLaws));
  ASSIGN_OR_RETURN(auto where, ParseRunFilter(request.filter()));
  absl::StatusOr<fitting::RunTable> runs;
  {
    ASSIGN_OR_RETURN(const auto snapshot, core.Read());
    auto exclusion = WithoutExcluded(*snapshot, *study, where);
    if (!exclusion.ok()) return Annotate(exclusion.status(), "study", request.parent());
    runs = snapshot->LoadRunTable(*study, exclusion->where);
    if (exclusion->runs > 0) response.add_warnings(ExcludedWarning(exclusion->runs));
  }
  if (!runs.ok()) return Annotate(runs.status(), "study", request.parent());
  response.set_runs_used(static_cast<int>(runs->size()));
  return request.laws_size() > 0 ? CompareLaws(core, request, *runs, response)
                                 : CompareEstimators(request, *runs, response);
}

}  // namespace sextant::server
