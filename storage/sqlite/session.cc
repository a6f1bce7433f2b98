// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/session.h"

#include <limits>

#include "base/status_macros.h"
#include "storage/sqlite/columns/read_ahead.h"
#include "storage/sqlite/file/care.h"
#include "storage/sqlite/rows/curve_rows.h"
#include "storage/sqlite/rows/fit_rows.h"
#include "storage/sqlite/rows/other_rows.h"
#include "storage/sqlite/rows/run_labels.h"
#include "storage/sqlite/rows/run_rows.h"
#include "storage/sqlite/rows/run_writes.h"
#include "storage/sqlite/rows/study_rows.h"
#include "storage/sqlite/run_queries.h"

namespace sextant::storage::sqlite {
namespace {

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

Session::Session(std::unique_ptr<Connection> connection, Clock clock, ListingAids listing)
    : connection_(std::move(connection)), clock_(std::move(clock)), listing_(std::move(listing)) {}

template <typename Work>
auto Session::Write(Work work) -> decltype(work()) {
  if (!lost_.ok()) return lost_;
  decltype(work()) result = absl::UnknownError("not run");
  {
    ASSIGN_OR_RETURN(auto transaction, Transaction::Begin(*connection_, Transaction::Kind::kWrite));
    result = work();
    if (StatusOf(result).ok()) {
      if (absl::Status status = transaction.Commit(); !status.ok()) result = status;
    }
  }
  if (depth_ > 0 && !connection_->in_transaction()) lost_ = StatusOf(result);
  return result;
}

template <typename Work>
auto Session::Read(Work work) -> decltype(work()) {
  if (!lost_.ok()) return lost_;
  if (connection_->in_transaction()) return work();
  ASSIGN_OR_RETURN(const auto transaction, Transaction::Begin(*connection_, Transaction::Kind::kRead));
  return work();
}

absl::Status Session::Batch(const std::function<absl::Status(Store&)>& work) {
  absl::Status result;
  if (depth_ > 0) {
    ++depth_;
    result = Write([&] { return work(*this); });
    --depth_;
    return result;
  }
  ASSIGN_OR_RETURN(auto transaction, Transaction::Begin(*connection_, Transaction::Kind::kWrite));
  depth_ = 1;
  result = work(*this);
  depth_ = 0;
  if (!lost_.ok()) {
    result = lost_;
    lost_ = absl::OkStatus();
  } else if (result.ok()) {
    result = transaction.Commit();
  }
  return result;
}

absl::Status Session::CreateStudy(const Study& study) {
  return Write([&] { return InsertStudy(*connection_, study); });
}
absl::Status Session::UpdateStudy(const Study& study, std::int64_t expected_revision) {
  return Write([&] { return sqlite::UpdateStudy(*connection_, study, expected_revision); });
}
absl::Status Session::DeleteStudy(const std::string& id) {
  return Write([&] { return sqlite::DeleteStudy(*connection_, id); });
}
absl::StatusOr<std::vector<PutOutcome>> Session::PutEncodedRuns(const std::string& study_id,
                                                                std::span<const EncodedRun> runs) {
  return Write([&] { return sqlite::PutRuns(*connection_, study_id, runs); });
}
absl::Status Session::DeleteRun(const std::string& study_id, const std::string& run_id) {
  return Write([&] { return sqlite::DeleteRun(*connection_, study_id, run_id); });
}
absl::Status Session::SetRunLabels(const std::string& study_id, const std::string& source,
                                   std::span<const RunLabels> labels, LabelScope scope) {
  return Write([&] { return sqlite::SetRunLabels(*connection_, study_id, source, labels, scope); });
}
absl::Status Session::PutFit(const Fit& fit) {
  return Write([&] { return sqlite::PutFit(*connection_, fit); });
}
absl::Status Session::DeleteFit(const std::string& study_id, const std::string& fit_id) {
  return Write([&] { return sqlite::DeleteFit(*connection_, study_id, fit_id); });
}
absl::Status Session::PutLaw(const UserLaw& law) {
  return Write([&] { return sqlite::PutLaw(*connection_, law); });
}
absl::Status Session::DeleteLaw(const std::string& id) {
  return Write([&] { return sqlite::DeleteLaw(*connection_, id); });
}
absl::Status Session::PutUpload(const Upload& upload) {
  return Write([&] { return sqlite::PutUpload(*connection_, upload); });
}
absl::Status Session::PutRequest(const std::string& request_id, const std::string& body_digest,
                                 const std::string& response) {
  return Write([&] { return sqlite::PutRequest(*connection_, request_id, body_digest, response, clock_()); });
}

absl::StatusOr<Study> Session::GetStudy(const std::string& id) {
  return Read([&] { return SelectStudy(*connection_, id); });
}
absl::StatusOr<Page<Study>> Session::ListStudies(std::int64_t limit, const std::string& after) {
  return Read([&] { return SelectStudies(*connection_, limit, after); });
}
absl::StatusOr<Run> Session::GetRun(const std::string& study_id, const std::string& run_id) {
  return Read([&]() -> absl::StatusOr<Run> {
    ASSIGN_OR_RETURN(auto study, FindStudy(*connection_, study_id));
    ASSIGN_OR_RETURN(auto stored, SelectRun(*connection_, study.key, study_id, run_id));
    return std::move(stored.run);
  });
}
absl::StatusOr<Page<Run>> Session::ListRuns(const RunQuery& query) {
  return Read([&] { return SelectRuns(*connection_, query, listing_); });
}
absl::Status Session::ReadAhead() {
  if (listing_.columns == nullptr) return absl::OkStatus();
  return Read([&] { return ReadColumnsAhead(*connection_, *listing_.columns); });
}
absl::StatusOr<Curve> Session::GetCurve(const std::string& study_id, const std::string& run_id) {
  return GetCurvePart(study_id, run_id, 0, std::numeric_limits<std::int64_t>::max());
}
absl::StatusOr<Curve> Session::GetCurvePart(const std::string& study_id, const std::string& run_id,
                                            std::int64_t from, std::int64_t count) {
  return Read([&]() -> absl::StatusOr<Curve> {
    ASSIGN_OR_RETURN(auto study, FindStudy(*connection_, study_id));
    ASSIGN_OR_RETURN(auto stored, SelectRun(*connection_, study.key, study_id, run_id));
    return ReadCurve(*connection_, stored.run_key, stored.run.curve_points, from, count);
  });
}
absl::StatusOr<fitting::RunTable> Session::LoadRunTable(const std::string& study_id,
                                                        const std::vector<Condition>& where) {
  return Read([&] { return SelectRunTable(*connection_, study_id, where); });
}
absl::StatusOr<Fit> Session::GetFit(const std::string& study_id, const std::string& fit_id) {
  return Read([&] { return SelectFit(*connection_, study_id, fit_id); });
}
absl::StatusOr<Page<Fit>> Session::ListFits(const std::string& study_id, std::int64_t limit,
                                            const std::string& after) {
  return Read([&] { return SelectFits(*connection_, study_id, limit, after); });
}
absl::StatusOr<std::vector<Fit>> Session::LoadAllFits() {
  return Read([&] { return SelectAllFits(*connection_); });
}
absl::StatusOr<std::vector<UserLaw>> Session::ListLaws() {
  return Read([&] { return SelectLaws(*connection_); });
}
absl::StatusOr<Upload> Session::GetUpload(const std::string& id) {
  return Read([&] { return SelectUpload(*connection_, id); });
}
absl::StatusOr<Store::StoredRequest> Session::GetRequest(const std::string& request_id) {
  return Read([&] { return SelectRequest(*connection_, request_id, clock_()); });
}

absl::StatusOr<StudySize> Session::GetStudySize(const std::string& id) {
  return Read([&] { return SelectStudySize(*connection_, id); });
}

absl::StatusOr<StoreHealth> Session::GetHealth() {
  return Read([&] { return sqlite::GetHealth(*connection_); });
}
absl::Status Session::CheckIntegrity() { return sqlite::CheckIntegrity(*connection_); }
absl::Status Session::BackUp(const std::string& path) { return sqlite::BackUp(*connection_, path); }
absl::Status Session::Checkpoint() { return sqlite::Checkpoint(*connection_); }

}  // namespace sextant::storage::sqlite
