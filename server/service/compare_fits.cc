// SPDX-License-Identifier: Apache-2.0
#include "server/service/compare_fits.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/families/loss_rows.h"
#include "fitting/least_squares/compare.h"
#include "fitting/optimum/compare.h"
#include "server/convert/fit.h"
#include "server/error.h"
#include "server/exclusion.h"
#include "server/filter.h"
#include "server/names.h"

namespace sextant::server {
namespace {

constexpr int kMaxLaws = 50;

// What to take, by the split that is most like the question: from small models to large ones, else from other
// N, else from other cells.
std::string VerdictOnEstimators(const fitting::Comparison& comparison) {
  for (const auto split : {fitting::HoldoutSplit::kSmallToLarge, fitting::HoldoutSplit::kLeaveOneModelOut,
                           fitting::HoldoutSplit::kLeaveOneCellOut}) {
    std::vector<const fitting::SplitScore*> scores;
    int most = 0;
    for (const fitting::SplitScore& score : comparison.scores) {
      if (score.split == split) most = std::max(most, score.cells);
    }
    // Means over fewer cells are not those of the others.
    for (const fitting::SplitScore& score : comparison.scores) {
      if (score.split == split && score.cells == most && most > 0) scores.push_back(&score);
    }
    if (scores.empty()) continue;
    std::stable_sort(scores.begin(), scores.end(),
                     [](const auto* a, const auto* b) { return a->mean_excess_pct < b->mean_excess_pct; });
    const auto words = [](const fitting::SplitScore& score) {
      return absl::StrFormat("%s (%.3g %% on average, %.3g %% at worst)", score.estimator,
                             score.mean_excess_pct, score.max_excess_pct);
    };
    std::string text = absl::StrCat("least excess loss, ", fitting::SplitName(split), " over ", most,
                                    " cells: ", words(*scores[0]));
    if (scores.size() > 1) absl::StrAppend(&text, ", then ", words(*scores[1]));
    return absl::StrCat(text, "; differences below the noise of a few cells say nothing");
  }
  return {};
}

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
  response.set_verdict(VerdictOnEstimators(*comparison));
  for (const std::string& warning : comparison->warnings) response.add_warnings(warning);
  return absl::OkStatus();
}

// What to take, by error on the largest scales: over 22 public sets their ranks agreed with those on still
// larger scales better than the criteria's did (docs/fitting.md).
std::string Verdict(const std::vector<fitting::LawComparison>& compared, const fitting::LossRows& rows) {
  const fitting::LawComparison& best = compared.front();
  if (!best.status.ok()) return "none of these laws could be scored";
  const auto error = [](const fitting::LawComparison& law) {
    return absl::StrFormat("%s (%.3g %%)", law.law->spec().id, 100 * law.held_out.mean_relative_error);
  };
  std::string text =
      absl::StrCat("least error on the largest scales, ", best.held_out.runs,
                   rows.cell_best ? " cells' best settings" : " runs", " held out: ", error(best));
  if (compared.size() > 1 && compared[1].status.ok()) absl::StrAppend(&text, ", then ", error(compared[1]));
  for (const fitting::LawComparison& law : compared) {
    if (!law.status.ok() || law.rank_by_aic != 1 || &law == &best) continue;
    absl::StrAppend(&text, "; AIC would take ", error(law),
                    ", and does not decide: it judges the fitted scales");
  }
  return absl::StrCat(text,
                      "; loss-average weighs laws by this error, and predicts as well as the best of them in "
                      "hindsight");
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
  const auto which = ParseLossRuns(request.runs());
  if (!which) return InvalidField("runs", kLossRunsRule);
  const auto rows = fitting::LossRowsOf(*laws.front(), runs, *which, {});
  if (!rows.ok()) return Annotate(rows.status(), "study", request.parent());
  response.set_runs_used(static_cast<int>(rows->data.size()));
  const auto compared = fitting::CompareLaws(laws, rows->data, options, fraction);
  response.set_verdict(Verdict(compared, *rows));
  for (const fitting::LawComparison& each : compared) {
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
  absl::StatusOr<fitting::RunTable> runs;
  {
    ASSIGN_OR_RETURN(const auto snapshot, core.Read());
    auto found = snapshot->GetStudy(*study);
    if (!found.ok()) return Annotate(found.status(), "study", request.parent());
    ASSIGN_OR_RETURN(auto where, ParseRunFilter(request.filter(), "filter", found->declared));
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
