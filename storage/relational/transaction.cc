// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/transaction.h"

#include "base/status_macros.h"
#include "storage/relational/rows/fit_rows.h"
#include "storage/relational/rows/forecast_rows.h"
#include "storage/relational/rows/other_rows.h"
#include "storage/relational/rows/run_labels.h"
#include "storage/relational/rows/run_writes.h"
#include "storage/relational/rows/study_rows.h"

namespace sextant::storage::relational {
template <typename Work>
auto RowTransaction::Step(Work work) -> decltype(work()) {
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

absl::Status RowTransaction::CreateStudy(const Study& study) {
  return Step([&] { return InsertStudy(connection_, study); });
}
absl::Status RowTransaction::UpdateStudy(const Study& study, std::int64_t expected_revision) {
  return Step([&] { return relational::UpdateStudy(connection_, study, expected_revision); });
}
absl::Status RowTransaction::DeleteStudy(const std::string& id) {
  return Step([&] { return relational::DeleteStudy(connection_, id); });
}
absl::StatusOr<std::vector<PutOutcome>> RowTransaction::PutEncodedRuns(const std::string& study_id,
                                                                       std::span<const EncodedRun> runs) {
  return Step([&] { return PutRows(study_id, runs); });
}
absl::StatusOr<std::vector<PutOutcome>> RowTransaction::PutRows(const std::string& study_id,
                                                                std::span<const EncodedRun> runs) {
  return relational::PutRuns(connection_, study_id, runs);
}
absl::Status RowTransaction::DeleteRun(const std::string& study_id, const std::string& run_id) {
  return Step([&] { return relational::DeleteRun(connection_, study_id, run_id); });
}
absl::Status RowTransaction::SetRunLabels(const std::string& study_id, const std::string& source,
                                          std::span<const RunLabels> labels, LabelScope scope) {
  return Step([&] { return relational::SetRunLabels(connection_, study_id, source, labels, scope); });
}
absl::Status RowTransaction::PutFit(const Fit& fit) {
  return Step([&] { return relational::PutFit(connection_, fit); });
}
absl::Status RowTransaction::DeleteFit(const std::string& study_id, const std::string& fit_id) {
  return Step([&] { return relational::DeleteFit(connection_, study_id, fit_id); });
}
absl::Status RowTransaction::PutForecast(const Forecast& forecast) {
  return Step([&] { return relational::PutForecast(connection_, forecast); });
}
absl::Status RowTransaction::PutForecastScores(const std::string& study_id, const std::string& forecast_id,
                                               const std::vector<ForecastScore>& scores) {
  return Step([&] { return relational::PutForecastScores(connection_, study_id, forecast_id, scores); });
}
absl::Status RowTransaction::DeleteForecast(const std::string& study_id, const std::string& forecast_id) {
  return Step([&] { return relational::DeleteForecast(connection_, study_id, forecast_id); });
}
absl::Status RowTransaction::PutLaw(const UserLaw& law) {
  return Step([&] { return relational::PutLaw(connection_, law); });
}
absl::Status RowTransaction::DeleteLaw(const std::string& id) {
  return Step([&] { return relational::DeleteLaw(connection_, id); });
}
absl::Status RowTransaction::PutToken(const AccessToken& token) {
  return Step([&] { return relational::PutToken(connection_, token); });
}
absl::Status RowTransaction::PutUpload(const Upload& upload) {
  return Step([&] { return relational::PutUpload(connection_, upload); });
}
absl::Status RowTransaction::PutRequest(const std::string& request_id, const std::string& body_digest,
                                        const std::string& response) {
  return Step(
      [&] { return relational::PutRequest(connection_, request_id, body_digest, response, clock_()); });
}
absl::Status RowTransaction::Nested(const std::function<absl::Status(Transaction&)>& work) {
  return Step([&] { return work(*this); });
}

}  // namespace sextant::storage::relational
