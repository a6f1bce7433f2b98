// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/reads.h"

#include <limits>

#include "base/status_macros.h"
#include "storage/relational/rows/curve_rows.h"
#include "storage/relational/rows/fit_rows.h"
#include "storage/relational/rows/forecast_rows.h"
#include "storage/relational/rows/other_rows.h"
#include "storage/relational/rows/run_rows.h"
#include "storage/relational/rows/study_rows.h"

namespace sextant::storage::relational {

template <typename Base>
template <typename Work>
auto Reads<Base>::Read(Work work) -> decltype(work()) {
  if (!lost_.ok()) return lost_;
  auto result = work();
  NoteIfLost(result.status());
  return result;
}

template <typename Base>
absl::StatusOr<Study> Reads<Base>::GetStudy(const std::string& id) {
  return Read([&] { return SelectStudy(connection_, id); });
}
template <typename Base>
absl::StatusOr<Page<Study>> Reads<Base>::ListStudies(std::int64_t limit, const std::string& after) {
  return Read([&] { return SelectStudies(connection_, limit, after); });
}
template <typename Base>
absl::StatusOr<Run> Reads<Base>::GetRun(const std::string& study_id, const std::string& run_id) {
  return Read([&]() -> absl::StatusOr<Run> {
    ASSIGN_OR_RETURN(auto study, FindStudy(connection_, study_id));
    ASSIGN_OR_RETURN(auto stored, SelectRun(connection_, study.key, study_id, run_id));
    return std::move(stored.run);
  });
}
template <typename Base>
absl::StatusOr<Page<Run>> Reads<Base>::ListRuns(const RunQuery& query) {
  return Read([&] { return SelectRuns(connection_, query, listing_); });
}
template <typename Base>
absl::StatusOr<Curve> Reads<Base>::GetCurve(const std::string& study_id, const std::string& run_id) {
  return GetCurvePart(study_id, run_id, 0, std::numeric_limits<std::int64_t>::max());
}
template <typename Base>
absl::StatusOr<Curve> Reads<Base>::GetCurvePart(const std::string& study_id, const std::string& run_id,
                                                std::int64_t from, std::int64_t count) {
  return Read([&]() -> absl::StatusOr<Curve> {
    ASSIGN_OR_RETURN(auto study, FindStudy(connection_, study_id));
    ASSIGN_OR_RETURN(auto stored, SelectRun(connection_, study.key, study_id, run_id));
    return ReadCurve(connection_, stored.run_key, stored.run.curve_points, from, count);
  });
}
template <typename Base>
absl::StatusOr<fitting::RunTable> Reads<Base>::LoadRunTable(const std::string& study_id,
                                                            const std::vector<Condition>& where) {
  return Read([&] { return SelectRunTable(connection_, study_id, where); });
}
template <typename Base>
absl::StatusOr<Fit> Reads<Base>::GetFit(const std::string& study_id, const std::string& fit_id) {
  return Read([&] { return SelectFit(connection_, study_id, fit_id); });
}
template <typename Base>
absl::StatusOr<Page<Fit>> Reads<Base>::ListFits(const std::string& study_id, std::int64_t limit,
                                                const std::string& after) {
  return Read([&] { return SelectFits(connection_, study_id, limit, after); });
}
template <typename Base>
absl::StatusOr<std::vector<Fit>> Reads<Base>::LoadAllFits() {
  return Read([&] { return SelectAllFits(connection_); });
}
template <typename Base>
absl::StatusOr<Forecast> Reads<Base>::GetForecast(const std::string& study_id,
                                                  const std::string& forecast_id) {
  return Read([&] { return SelectForecast(connection_, study_id, forecast_id); });
}
template <typename Base>
absl::StatusOr<Page<Forecast>> Reads<Base>::ListForecasts(const std::string& study_id, std::int64_t limit,
                                                          const std::string& after) {
  return Read([&] { return SelectForecasts(connection_, study_id, limit, after); });
}
template <typename Base>
absl::StatusOr<std::vector<TrackRecord>> Reads<Base>::ListTrackRecords() {
  return Read([&] { return SelectTrackRecords(connection_); });
}
template <typename Base>
absl::StatusOr<std::vector<UserLaw>> Reads<Base>::ListLaws() {
  return Read([&] { return SelectLaws(connection_); });
}
template <typename Base>
absl::StatusOr<std::vector<AccessToken>> Reads<Base>::ListTokens() {
  return Read([&] { return SelectTokens(connection_); });
}
template <typename Base>
absl::StatusOr<Upload> Reads<Base>::GetUpload(const std::string& id) {
  return Read([&] { return SelectUpload(connection_, id); });
}
template <typename Base>
absl::StatusOr<StoredRequest> Reads<Base>::GetRequest(const std::string& request_id) {
  return Read([&] { return SelectRequest(connection_, request_id, clock_()); });
}
template <typename Base>
absl::StatusOr<StudySize> Reads<Base>::GetStudySize(const std::string& id) {
  return Read([&] { return SelectStudySize(connection_, id); });
}

template class Reads<Snapshot>;
template class Reads<Transaction>;

absl::StatusOr<Page<Run>> PooledSnapshot::ListRuns(const RunQuery& query) {
  auto page = Reads::ListRuns(query);
  if (ahead_ != nullptr) ahead_->Poke();
  return page;
}

}  // namespace sextant::storage::relational
