// SPDX-License-Identifier: Apache-2.0
#include "server/run_curves.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "base/give_up.h"
#include "base/status_macros.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"
#include "storage/run_fields.h"

namespace sextant::server {
namespace {

constexpr int kRunsPerPage = 1000;

std::vector<double> ToDoubles(const std::vector<float>& column) {
  return std::vector<double>(column.begin(), column.end());
}

absl::StatusOr<RunCurve> WithCurve(storage::Snapshot& snapshot, storage::Run run, storage::ParamCount count) {
  RunCurve loaded;
  loaded.params = run.*storage::ParamsMember(count);
  if (run.curve_points > 0) {
    ASSIGN_OR_RETURN(auto curve, snapshot.GetCurve(run.study_id, run.id));
    loaded.curve = ToLossCurve(std::move(curve));
  }
  loaded.run = std::move(run);
  return loaded;
}

}  // namespace

fitting::LossCurve ToLossCurve(storage::Curve curve) {
  fitting::LossCurve loss;
  loss.step.assign(curve.step.begin(), curve.step.end());
  loss.tokens = std::move(curve.tokens);
  loss.train_loss = ToDoubles(curve.train_loss);
  loss.validation_loss = ToDoubles(curve.validation_loss);
  loss.learning_rate = ToDoubles(curve.learning_rate);
  loss.gradient_noise_scale_tokens = ToDoubles(curve.gradient_noise_scale);
  return loss;
}

absl::StatusOr<std::vector<RunCurve>> LoadRunCurves(storage::Snapshot& snapshot, const std::string& study,
                                                    const std::vector<storage::Condition>& where,
                                                    std::size_t limit) {
  auto found = snapshot.GetStudy(study);
  if (!found.ok()) return Annotate(found.status(), "study", StudyName(study));
  std::vector<RunCurve> loaded;
  std::int64_t points = 0;
  storage::RunQuery query;
  query.study_id = study;
  query.where = where;
  query.limit = kRunsPerPage;
  do {
    auto page = snapshot.ListRuns(query);
    if (!page.ok()) return Annotate(page.status(), "study", StudyName(study));
    if (loaded.size() + page->items.size() > limit) {
      return QuotaExceeded("TOO_MANY_RUNS", StudyName(study),
                           absl::StrCat("more than ", limit, " runs match; narrow the filter"), 0);
    }
    for (storage::Run& run : page->items) {
      CheckGivenUp();
      if ((points += run.curve_points) > kMaxCurvePointsLoaded) {
        return QuotaExceeded("TOO_MANY_POINTS", StudyName(study),
                             absl::StrCat("the curves that match have more than ", kMaxCurvePointsLoaded,
                                          " points; narrow the filter"),
                             0);
      }
      ASSIGN_OR_RETURN(auto with_curve, WithCurve(snapshot, std::move(run), found->param_count));
      loaded.push_back(std::move(with_curve));
    }
    query.after = page->next_key;
  } while (!query.after.empty());
  return loaded;
}

absl::StatusOr<RunCurve> LoadRunCurve(storage::Snapshot& snapshot, const std::string& study,
                                      const std::string& run) {
  auto found = snapshot.GetStudy(study);
  if (!found.ok()) return Annotate(found.status(), "study", StudyName(study));
  auto record = snapshot.GetRun(study, run);
  if (!record.ok()) return Annotate(record.status(), "run", RunName(study, run));
  return WithCurve(snapshot, *std::move(record), found->param_count);
}

}  // namespace sextant::server
