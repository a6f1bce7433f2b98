// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/transaction.h"

#include "base/status_macros.h"
#include "storage/sqlite/rows/fit_rows.h"
#include "storage/sqlite/rows/forecast_rows.h"
#include "storage/sqlite/rows/other_rows.h"
#include "storage/sqlite/rows/run_labels.h"
#include "storage/sqlite/rows/run_writes.h"
#include "storage/sqlite/rows/study_rows.h"

namespace sextant::storage::sqlite {
namespace {

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

template <typename Work>
auto SqliteTransaction::Step(Work work) -> decltype(work()) {
  if (!lost().ok()) return lost();
  decltype(work()) result = absl::UnknownError("not run");
  {
    ASSIGN_OR_RETURN(auto savepoint, ScopedTransaction::Begin(connection_, ScopedTransaction::Kind::kWrite));
    result = work();
    if (StatusOf(result).ok()) {
      if (absl::Status status = savepoint.Commit(); !status.ok()) result = status;
    }
  }
  NoteIfLost(StatusOf(result));
  return result;
}

absl::Status SqliteTransaction::CreateStudy(const Study& study) {
  return Step([&] { return InsertStudy(connection_, study); });
}
absl::Status SqliteTransaction::UpdateStudy(const Study& study, std::int64_t expected_revision) {
  return Step([&] { return sqlite::UpdateStudy(connection_, study, expected_revision); });
}
absl::Status SqliteTransaction::DeleteStudy(const std::string& id) {
  return Step([&] { return sqlite::DeleteStudy(connection_, id); });
}
absl::StatusOr<std::vector<PutOutcome>> SqliteTransaction::PutEncodedRuns(const std::string& study_id,
                                                                          std::span<const EncodedRun> runs) {
  return Step([&] { return sqlite::PutRuns(connection_, study_id, runs); });
}
absl::Status SqliteTransaction::DeleteRun(const std::string& study_id, const std::string& run_id) {
  return Step([&] { return sqlite::DeleteRun(connection_, study_id, run_id); });
}
absl::Status SqliteTransaction::SetRunLabels(const std::string& study_id, const std::string& source,
                                             std::span<const RunLabels> labels, LabelScope scope) {
  return Step([&] { return sqlite::SetRunLabels(connection_, study_id, source, labels, scope); });
}
absl::Status SqliteTransaction::PutFit(const Fit& fit) {
  return Step([&] { return sqlite::PutFit(connection_, fit); });
}
absl::Status SqliteTransaction::DeleteFit(const std::string& study_id, const std::string& fit_id) {
  return Step([&] { return sqlite::DeleteFit(connection_, study_id, fit_id); });
}
absl::Status SqliteTransaction::PutForecast(const Forecast& forecast) {
  return Step([&] { return sqlite::PutForecast(connection_, forecast); });
}
absl::Status SqliteTransaction::PutForecastScores(const std::string& study_id, const std::string& forecast_id,
                                                  const std::vector<ForecastScore>& scores) {
  return Step([&] { return sqlite::PutForecastScores(connection_, study_id, forecast_id, scores); });
}
absl::Status SqliteTransaction::DeleteForecast(const std::string& study_id, const std::string& forecast_id) {
  return Step([&] { return sqlite::DeleteForecast(connection_, study_id, forecast_id); });
}
absl::Status SqliteTransaction::PutLaw(const UserLaw& law) {
  return Step([&] { return sqlite::PutLaw(connection_, law); });
}
absl::Status SqliteTransaction::DeleteLaw(const std::string& id) {
  return Step([&] { return sqlite::DeleteLaw(connection_, id); });
}
absl::Status SqliteTransaction::PutToken(const AccessToken& token) {
  return Step([&] { return sqlite::PutToken(connection_, token); });
}
absl::Status SqliteTransaction::PutUpload(const Upload& upload) {
  return Step([&] { return sqlite::PutUpload(connection_, upload); });
}
absl::Status SqliteTransaction::PutRequest(const std::string& request_id, const std::string& body_digest,
                                           const std::string& response) {
  return Step([&] { return sqlite::PutRequest(connection_, request_id, body_digest, response, clock_()); });
}
absl::Status SqliteTransaction::Nested(const std::function<absl::Status(Transaction&)>& work) {
  return Step([&] { return work(*this); });
}

}  // namespace sextant::storage::sqlite
