// SPDX-License-Identifier: Apache-2.0
// The store on one connection: every method in a transaction of its own, or in the one that is open.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/sqlite/run_queries.h"
#include "storage/sqlite/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::sqlite {

/// Used by one thread at a time. Reads inside a Batch see the batch's own writes. A batch inside a batch is a
/// savepoint: its failure undoes it alone, unless SQLite ended the whole transaction (a full disk), which
/// every later step and the outer Batch then report.
class Session : public Store {
 public:
  using Clock = std::function<Micros()>;
  /// `listing` is for a session that never writes.
  Session(std::unique_ptr<Connection> connection, Clock clock, ListingAids listing = {});

  absl::Status CreateStudy(const Study& study) override;
  absl::Status UpdateStudy(const Study& study, std::int64_t expected_revision) override;
  absl::Status DeleteStudy(const std::string& id) override;
  absl::StatusOr<std::vector<PutOutcome>> PutEncodedRuns(const std::string& study_id,
                                                         std::span<const EncodedRun> runs) override;
  absl::Status DeleteRun(const std::string& study_id, const std::string& run_id) override;
  absl::Status SetRunLabels(const std::string& study_id, const std::string& source,
                            std::span<const RunLabels> labels, LabelScope scope) override;
  absl::Status PutFit(const Fit& fit) override;
  absl::Status DeleteFit(const std::string& study_id, const std::string& fit_id) override;
  absl::Status PutLaw(const UserLaw& law) override;
  absl::Status DeleteLaw(const std::string& id) override;
  absl::Status PutUpload(const Upload& upload) override;
  absl::Status PutRequest(const std::string& request_id, const std::string& body_digest,
                          const std::string& response) override;
  absl::Status Batch(const std::function<absl::Status(Store&)>& work) override;

  absl::StatusOr<Study> GetStudy(const std::string& id) override;
  absl::StatusOr<Page<Study>> ListStudies(std::int64_t limit, const std::string& after) override;
  absl::StatusOr<Run> GetRun(const std::string& study_id, const std::string& run_id) override;
  absl::StatusOr<Page<Run>> ListRuns(const RunQuery& query) override;
  absl::StatusOr<Curve> GetCurve(const std::string& study_id, const std::string& run_id) override;
  absl::StatusOr<Curve> GetCurvePart(const std::string& study_id, const std::string& run_id,
                                     std::int64_t from, std::int64_t count) override;
  absl::StatusOr<fitting::RunTable> LoadRunTable(const std::string& study_id,
                                                 const std::vector<Condition>& where) override;
  absl::StatusOr<Fit> GetFit(const std::string& study_id, const std::string& fit_id) override;
  absl::StatusOr<Page<Fit>> ListFits(const std::string& study_id, std::int64_t limit,
                                     const std::string& after) override;
  absl::StatusOr<std::vector<Fit>> LoadAllFits() override;
  absl::StatusOr<std::vector<UserLaw>> ListLaws() override;
  absl::StatusOr<Upload> GetUpload(const std::string& id) override;
  absl::StatusOr<StoredRequest> GetRequest(const std::string& request_id) override;

  absl::StatusOr<StudySize> GetStudySize(const std::string& id) override;

  absl::StatusOr<StoreHealth> GetHealth() override;
  absl::Status CheckIntegrity() override;
  absl::Status BackUp(const std::string& path) override;
  absl::Status Checkpoint() override;
  /// Reads columns that listings may ask for into its listing aids.
  absl::Status ReadAhead();

 private:
  template <typename Work>
  auto Write(Work work) -> decltype(work());
  template <typename Work>
  auto Read(Work work) -> decltype(work());

  std::unique_ptr<Connection> connection_;
  Clock clock_;
  ListingAids listing_;
  int depth_ = 0;      ///< of Batch
  absl::Status lost_;  ///< why the open batch's transaction was ended by SQLite
};

}  // namespace sextant::storage::sqlite
