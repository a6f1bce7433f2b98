// SPDX-License-Identifier: Apache-2.0
#include "server/service/study_check.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <vector>

#include "base/declared_name.h"
#include "base/printable.h"
#include "server/convert/curve.h"
#include "server/convert/run.h"
#include "server/convert/study.h"
#include "server/convert/text.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/fit_table.h"
#include "server/limits.h"
#include "server/names.h"
#include "storage/forecast_seal.h"

namespace sextant::server {
namespace {

constexpr int kRunsCheckedAtATime = 100, kFitsAtATime = 20, kForecastsCheckedAtATime = 500;
constexpr std::size_t kMaxFitTextBytes = 4096, kMaxFitWarnings = 1000;

absl::Status Wrong(const std::string& what, const std::string& why) {
  return InvalidField("data", absl::StrCat(Printable(what), ": ", why));
}

absl::Status AskedToStop() { return absl::CancelledError("the import was given up"); }

absl::Status CheckHead(const storage::Study& study, const std::string& id) {
  for (const storage::DeclaredColumn& column : study.declared) {
    if (column.kind > storage::DeclaredColumn::Kind::kMaximized)
      return Wrong("the study", "declares a column of no kind that there is");
    if (!column.is_objective() && !(std::isnan(column.floor) && std::isnan(column.ceiling))) {
      return Wrong("the study", "declares bounds of a variable");
    }
  }
  v1::CreateStudyRequest request;
  StudyToProto(study, *request.mutable_study());
  request.mutable_study()->clear_name();
  request.set_study_id(id);
  auto checked = NewStudyFromProto(request);
  return checked.ok() ? absl::OkStatus() : Wrong("the study", std::string(checked.status().message()));
}

absl::Status CheckRun(storage::Snapshot& file, const storage::Study& study, storage::Run run) {
  auto curve = file.GetCurve(study.id, run.id);
  if (!curve.ok()) return Wrong(absl::StrCat("run ", run.id), std::string(curve.status().message()));
  if (static_cast<std::int64_t>(curve->size()) != run.curve_points) {
    return Wrong(absl::StrCat("run ", run.id),
                 absl::StrCat("says that it has ", run.curve_points, " points, and has ", curve->size()));
  }
  v1::Run message;
  if (run.values.size() > study.declared.size()) {
    return Wrong(absl::StrCat("run ", run.id), "has more values than its study declares");
  }
  RunToProto(run, message, study.declared);
  message.clear_name();  // of the study as the file calls it
  if (run.id.empty()) return Wrong("a run", "has no id");
  if (curve->size() > 0) CurveToProto(*curve, 0, curve->size(), *message.mutable_curve());
  auto checked = RunFromProto(message, study);
  return checked.ok() ? absl::OkStatus()
                      : Wrong(absl::StrCat("run ", run.id), std::string(checked.status().message()));
}

absl::Status CheckRuns(storage::Snapshot& file, const storage::Study& study,
                       const std::function<bool()>& given_up) {
  storage::RunQuery query;
  query.study_id = study.id;
  query.limit = kRunsCheckedAtATime;
  do {
    auto page = file.ListRuns(query);
    if (!page.ok()) return Wrong("its runs", std::string(page.status().message()));
    for (storage::Run& run : page->items) {
      if (given_up()) return AskedToStop();
      if (absl::Status status = CheckRun(file, study, std::move(run)); !status.ok()) return status;
    }
    query.after = page->next_key;
  } while (!query.after.empty());
  return absl::OkStatus();
}

absl::Status CheckFit(const storage::Study& study, const storage::Fit& fit) {
  const std::string what = absl::StrCat("fit ", fit.id);
  if (!IsLabel(fit.id)) return Wrong(what, absl::StrCat("its id is not allowed: ", kLabelRule));
  if (!IsLabel(fit.law_id))
    return Wrong(what, absl::StrCat("the id of its law is not allowed: ", kLabelRule));
  std::vector<FieldViolation> violations;
  const fitting::FitResult& result = fit.result;
  for (const std::string* text :
       {&fit.error, &result.estimator, &result.objective_kind, &result.version, &result.param_count,
        &result.loss_unit, &result.filter, &result.holdout_filter, &result.data_source}) {
    CheckText("text", *text, kMaxFitTextBytes, violations);
  }
  for (const std::string& warning : result.warnings)
    CheckText("warnings", warning, kMaxFitTextBytes, violations);
  if (result.warnings.size() > kMaxFitWarnings) violations.push_back({"warnings", "too many"});
  if (result.columns.size() > kMaxDeclared) violations.push_back({"columns", "too many"});
  for (const auto& [variable, column] : result.columns) {
    CheckText("columns", variable, kMaxFitTextBytes, violations);
    CheckText("columns", column, kMaxFitTextBytes, violations);
  }
  if (result.law_toml.size() > kMaxLawBytes) violations.push_back({"law", "too long"});
  if (result.bootstrap_replicates < 0 || result.bootstrap_replicates > kMaxBootstrapReplicates) {
    violations.push_back({"bootstrap_replicates", "out of range"});
  }
  if (!violations.empty()) return Wrong(what, std::string(InvalidFields(violations).message()));
  for (const std::string& filter : {result.filter, result.holdout_filter}) {
    if (auto parsed = ParseRunFilter(filter, "filter", study.declared); !parsed.ok())
      return Wrong(what, std::string(parsed.status().message()));
  }
  if (fit.state < storage::FitState::kRunning || fit.state > storage::FitState::kCancelled) {
    return Wrong(what, "it is in no state that there is");
  }
  const ServedFit served = ServeFit(fit);
  return served.state == fit.state ? absl::OkStatus() : Wrong(what, served.error);
}

absl::Status CheckFits(storage::Snapshot& file, const storage::Study& study, std::int64_t fit_bytes,
                       const std::function<bool()>& given_up) {
  std::string after;
  int count = 0;
  std::int64_t bytes = 0;
  do {
    auto page = file.ListFits(study.id, kFitsAtATime, after);
    if (!page.ok()) return Wrong("its fits", std::string(page.status().message()));
    for (const storage::Fit& fit : page->items) {
      if (given_up()) return AskedToStop();
      if (++count > kMaxFitsPerStudy) return Wrong("its fits", absl::StrCat("more than ", kMaxFitsPerStudy));
      if (absl::Status status = CheckFit(study, fit); !status.ok()) return status;
      if ((bytes += BytesServed(fit.result)) > fit_bytes) {
        return QuotaExceeded("FIT_MEMORY_LIMIT", "data",
                             absl::StrCat("its fits take more memory than the ", fit_bytes >> 20,
                                          " MB that are left: delete fits, or start the server with a larger "
                                          "--fit-memory-mb"),
                             0);
      }
    }
    after = page->next_key;
  } while (!after.empty());
  return absl::OkStatus();
}

absl::Status CheckForecast(const storage::Forecast& forecast) {
  const std::string what = absl::StrCat("forecast ", forecast.id);
  if (!IsLabel(forecast.id)) return Wrong(what, absl::StrCat("its id is not allowed: ", kLabelRule));
  if (!storage::SealHolds(forecast))
    return Wrong(what, "its seal does not hold: it was changed after it was sealed");
  if (forecast.quantities.size() > kMaxForecastQuantities || forecast.sources.size() > kMaxForecastSources ||
      forecast.at.size() > static_cast<std::size_t>(kMaxForecastInputs) ||
      forecast.scores.size() > forecast.quantities.size())
    return Wrong(what, "it holds more than a forecast has");
  std::vector<FieldViolation> violations;
  const auto check = [&violations](const std::string& text) {
    CheckText("text", text, kMaxFitTextBytes, violations);
  };
  for (const std::string* text :
       {&forecast.param_count, &forecast.loss_unit, &forecast.rate_kind, &forecast.version})
    check(*text);
  for (const auto& [name, value] : forecast.at) check(name);
  for (const storage::ForecastQuantity& quantity : forecast.quantities) check(quantity.name);
  for (const storage::ForecastSource& source : forecast.sources) {
    for (const std::string* text :
         {&source.name, &source.law_id, &source.estimator, &source.data_digest, &source.quantity})
      check(*text);
  }
  for (const storage::ForecastScore& score : forecast.scores) {
    check(score.quantity);
    if (!IsRunId(score.run_id)) violations.push_back({"scores", "of a run whose id is not allowed"});
    if (score.verdict > storage::ForecastScore::Verdict::kOutside)
      violations.push_back({"scores", "with a verdict that there is not"});
  }
  if (!violations.empty()) return Wrong(what, std::string(InvalidFields(violations).message()));
  return absl::OkStatus();
}

absl::Status CheckForecasts(storage::Snapshot& file, const storage::Study& study,
                            const std::function<bool()>& given_up) {
  std::string after;
  int count = 0;
  do {
    auto page = file.ListForecasts(study.id, kForecastsCheckedAtATime, after);
    if (!page.ok()) return Wrong("its forecasts", std::string(page.status().message()));
    for (const storage::Forecast& forecast : page->items) {
      if (given_up()) return AskedToStop();
      if (++count > kMaxForecastsPerStudy)
        return Wrong("its forecasts", absl::StrCat("more than ", kMaxForecastsPerStudy));
      if (absl::Status status = CheckForecast(forecast); !status.ok()) return status;
    }
    after = page->next_key;
  } while (!after.empty());
  return absl::OkStatus();
}

absl::Status CheckLaws(storage::Snapshot& file, const LawTable& table) {
  auto laws = file.ListLaws();
  if (!laws.ok()) return Wrong("its laws", std::string(laws.status().message()));
  if (laws->size() > static_cast<std::size_t>(kMaxUserLaws)) return Wrong("its laws", "too many");
  for (const storage::UserLaw& law : *laws) {
    if (!IsLabel(law.id)) return Wrong(absl::StrCat("law ", law.id), kLabelRule);
    if (law.toml.size() > kMaxLawBytes) return Wrong(absl::StrCat("law ", law.id), "too long");
    if (auto compiled = table.Compile(law); !compiled.ok())
      return Wrong(absl::StrCat("law ", law.id), std::string(compiled.status().message()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckStudy(storage::Snapshot& file, const storage::Study& study, const std::string& id,
                        const LawTable& laws, std::int64_t fit_bytes, const std::function<bool()>& given_up) {
  absl::Status status = CheckHead(study, id);
  if (status.ok()) status = CheckLaws(file, laws);
  if (status.ok()) status = CheckFits(file, study, fit_bytes, given_up);
  if (status.ok()) status = CheckForecasts(file, study, given_up);
  if (status.ok()) status = CheckRuns(file, study, given_up);
  return status;
}

}  // namespace sextant::server
