// SPDX-License-Identifier: Apache-2.0
// A store in memory, as plain as can be: what the real ones are compared with. Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/store.h"

namespace sextant::storage {

/// All that a store holds. Copies share the curves.
struct ReferenceState {
  struct StoredRun {
    Run run;
    std::shared_ptr<const Curve> curve;
  };
  struct StudyEntry {
    Study study;
    std::map<std::string, StoredRun> runs;
    std::map<std::string, std::map<std::string, std::vector<std::string>>> labels;  // by run and source
    std::map<std::string, Fit> fits;
    std::map<std::string, Forecast> forecasts;
  };
  std::map<std::string, StudyEntry> studies;
  std::int64_t last_study_uid = 0;
  std::map<std::string, UserLaw> laws;
  std::map<std::string, AccessToken> tokens;
  std::map<std::string, Upload> uploads;
  std::map<std::string, std::pair<StoredRequest, Micros>> requests;
};

/// A state of its own to read and change: a transaction, and a snapshot for whoever only reads.
class ReferenceTransaction : public Transaction {
 public:
  using State = ReferenceState;
  using StoredRun = State::StoredRun;
  using StudyEntry = State::StudyEntry;
  ReferenceTransaction(State state, std::function<Micros()> clock)
      : clock_(std::move(clock)), state_(std::move(state)) {}
  const State& state() const { return state_; }

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

 private:
  absl::StatusOr<StudyEntry*> Find(const std::string& study_id);

  std::function<Micros()> clock_;
  State state_;
};

class ReferenceStore : public Store {
 public:
  explicit ReferenceStore(std::function<Micros()> clock) : clock_(std::move(clock)) {}

  absl::StatusOr<std::unique_ptr<Snapshot>> Read() override;
  absl::Status Write(const Work& work) override;
  absl::StatusOr<StoreHealth> GetHealth() override { return StoreHealth{}; }
  absl::Status CheckIntegrity() override { return absl::OkStatus(); }
  absl::Status BackUp(const std::string&) override { return absl::OkStatus(); }
  absl::Status Checkpoint() override { return absl::OkStatus(); }

 private:
  std::function<Micros()> clock_;
  ReferenceState state_;
};

}  // namespace sextant::storage
