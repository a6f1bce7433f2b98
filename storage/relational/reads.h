// SPDX-License-Identifier: Apache-2.0
// Reading on one connection: what is alike in all engines that speak SQL.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/relational/quiet_task.h"
#include "storage/relational/reader_pool.h"
#include "storage/relational/run_queries.h"
#include "storage/relational/sql/connection.h"
#include "storage/snapshot.h"
#include "storage/transaction.h"

namespace sextant::storage::relational {

using Clock = std::function<Micros()>;

/// The reading half of Snapshot and of Transaction (`Base`): both read inside a transaction that is open on
/// `connection`. The database ends that by itself after some errors (a failing disk, a lost connection); then
/// every later call reports the error.
template <typename Base>
class Reads : public Base {
 public:
  /// `clock` outlives it. `listing` is for a connection that never writes.
  Reads(Connection& connection, const Clock& clock, ListingAids listing)
      : connection_(connection), clock_(clock), listing_(std::move(listing)) {}

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
  absl::StatusOr<Forecast> GetForecast(const std::string& study_id, const std::string& forecast_id) override;
  absl::StatusOr<Page<Forecast>> ListForecasts(const std::string& study_id, std::int64_t limit,
                                               const std::string& after) override;
  absl::StatusOr<std::vector<TrackRecord>> ListTrackRecords() override;
  absl::StatusOr<std::vector<UserLaw>> ListLaws() override;
  absl::StatusOr<std::vector<AccessToken>> ListTokens() override;
  absl::StatusOr<Upload> GetUpload(const std::string& id) override;
  absl::StatusOr<StoredRequest> GetRequest(const std::string& request_id) override;
  absl::StatusOr<StudySize> GetStudySize(const std::string& id) override;

 protected:
  /// Why the database ended the transaction.
  const absl::Status& lost() const { return lost_; }
  /// After every call: `status` is what it came to.
  void NoteIfLost(const absl::Status& status) {
    if (lost_.ok() && !connection_.in_transaction()) {
      lost_ = status.ok() ? absl::AbortedError("the transaction was rolled back") : status;
    }
  }

  Connection& connection_;
  const Clock& clock_;

 private:
  template <typename Work>
  auto Read(Work work) -> decltype(work());

  const ListingAids listing_;
  absl::Status lost_;
};

extern template class Reads<Snapshot>;
extern template class Reads<Transaction>;

/// A reading connection out of the pool, in one transaction from its first read to its end.
class PooledSnapshot final : public Reads<Snapshot> {
 public:
  /// `store` owns what the others refer to. `ahead` (nullptr: none) is told of listings.
  PooledSnapshot(std::shared_ptr<const void> store, ReaderPool::Lease lease, ScopedTransaction transaction,
                 const Clock& clock, ListingAids listing, QuietTask* ahead)
      : Reads(*lease, clock, std::move(listing)),
        store_(std::move(store)),
        lease_(std::move(lease)),
        transaction_(std::move(transaction)),
        ahead_(ahead) {}

  absl::StatusOr<Page<Run>> ListRuns(const RunQuery& query) override;

 private:
  // In this order: the transaction ends before the connection goes back, and the store after both.
  std::shared_ptr<const void> store_;
  ReaderPool::Lease lease_;
  ScopedTransaction transaction_;
  QuietTask* ahead_;
};

}  // namespace sextant::storage::relational
