// SPDX-License-Identifier: Apache-2.0
// Writing on the one connection that writes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/relational/reads.h"
#include "storage/transaction.h"

namespace sextant::storage::relational {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

/// Every write is a savepoint in the transaction that is open on `connection`, so that its failure undoes it
/// alone, unless the database ended the whole transaction (a full disk, a lost connection).
class RowTransaction : public Reads<Transaction> {
 public:
  RowTransaction(Connection& connection, const Clock& clock) : Reads(connection, clock, {}) {}
  /// Not OK: there is nothing to commit.
  using Reads::lost;

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
  absl::Status PutForecast(const Forecast& forecast) override;
  absl::Status PutForecastScores(const std::string& study_id, const std::string& forecast_id,
                                 const std::vector<ForecastScore>& scores) override;
  absl::Status DeleteForecast(const std::string& study_id, const std::string& forecast_id) override;
  absl::Status PutLaw(const UserLaw& law) override;
  absl::Status DeleteLaw(const std::string& id) override;
  absl::Status PutToken(const AccessToken& token) override;
  absl::Status PutUpload(const Upload& upload) override;
  absl::Status PutRequest(const std::string& request_id, const std::string& body_digest,
                          const std::string& response) override;
  absl::Status Nested(const std::function<absl::Status(Transaction&)>& work) override;

 protected:
  /// What PutEncodedRuns does, for an engine that can do it faster.
  virtual absl::StatusOr<std::vector<PutOutcome>> PutRows(const std::string& study_id,
                                                          std::span<const EncodedRun> runs);

 private:
  template <typename Work>
  auto Step(Work work) -> decltype(work());
};

}  // namespace sextant::storage::relational
