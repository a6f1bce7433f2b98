// SPDX-License-Identifier: Apache-2.0
// Reading the record store.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/records.h"

namespace sextant::storage {

/// One page of a listing. `next_key` is opaque; empty at the end.
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next_key;
};

/// A comparison on a typed run column, already checked: the server parses filters (AIP-160) into this.
///
/// Logic is two-valued: a comparison with an unknown value (or with NaN) is false, whatever the operator, and
/// its negation true. kIsKnown asks whether a field has a value. kHasTag compares the value of tag `field`
/// with `text` (false without the tag; kContains "" asks only whether it is there); kHasLabel asks whether
/// any label compares so with `text`. `state` is compared with "running", "finished", "diverged", "crashed"
/// or "unspecified" in `text`, by kEq or kNe. Text is compared byte by byte. InvalidArgument for an unknown
/// field, an operator that its type lacks, more than 1000 nodes or more than 50 levels.
struct Condition {
  enum class Kind { kAnd, kOr, kNot, kCompare, kHasTag, kHasLabel, kIsKnown } kind = Kind::kCompare;
  enum class Op { kEq, kNe, kLt, kLe, kGt, kGe, kContains } op = Op::kEq;
  std::vector<Condition> children;  ///< kAnd, kOr, kNot
  /// A run field's name ("params_non_embedding", "state", "id", …), DeclaredField(place), or a tag's key.
  std::string field;
  double number = 0;  ///< numeric fields
  std::string text;   ///< text fields and tags
};

/// What conditions and orders call the study's declared column at `place`.
inline std::string DeclaredField(int place) { return "declared." + std::to_string(place); }
/// The place that such a name means; -1 for other names.
int DeclaredPlace(std::string_view field);

struct RunQuery {
  std::string study_id;
  std::vector<Condition> where;  ///< all must hold
  std::string order_by;          ///< a run field's name; empty: by id. Ties by id; unknown values come last
  bool descending = false;
  std::int64_t limit = 100;  ///< 1 to 100 000
  std::string after;         ///< next_key of the page before
};

/// How big a study is. Counts are kept up to date, never counted.
struct StudySize {
  std::int64_t runs = 0, fits = 0;
  std::int64_t points = 0;       ///< of all curves
  std::int64_t curve_bytes = 0;  ///< that the points take, compressed
  std::int64_t forecasts = 0;
};

/// An answer that is remembered under a client's request id.
struct StoredRequest {
  std::string body_digest, response;
};

/// One state of the store: every call sees what had been committed when the first one was made, whatever is
/// written meanwhile. Store::Read opens one.
///
/// Used by one thread at a time, and short-lived: a store has few of them (StoreOptions), and a log of writes
/// that it cannot fold away while one is open. A thread that holds one does not open another. Keeps its store
/// open.
///
/// Methods return what they say or an error: NotFound, InvalidArgument, DataLoss (damaged), Unavailable
/// (busy). A page has 1 to 100 000 items (InvalidArgument).
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual absl::StatusOr<Study> GetStudy(const std::string& id) = 0;
  virtual absl::StatusOr<Page<Study>> ListStudies(std::int64_t limit, const std::string& after) = 0;
  virtual absl::StatusOr<Run> GetRun(const std::string& study_id, const std::string& run_id) = 0;
  virtual absl::StatusOr<Page<Run>> ListRuns(const RunQuery& query) = 0;
  virtual absl::StatusOr<Curve> GetCurve(const std::string& study_id, const std::string& run_id) = 0;
  /// At most `count` points from index `from` on; none past the end. A column that was not measured at any of
  /// these points may be empty. Reads no more than the chunks that hold them.
  virtual absl::StatusOr<Curve> GetCurvePart(const std::string& study_id, const std::string& run_id,
                                             std::int64_t from, std::int64_t count) = 0;
  /// Every run of the study that matches, as columns for a fit, ordered by id: no paging, no curves.
  virtual absl::StatusOr<fitting::RunTable> LoadRunTable(const std::string& study_id,
                                                         const std::vector<Condition>& where) = 0;
  virtual absl::StatusOr<Fit> GetFit(const std::string& study_id, const std::string& fit_id) = 0;
  /// Newest first; fits of one instant by id.
  virtual absl::StatusOr<Page<Fit>> ListFits(const std::string& study_id, std::int64_t limit,
                                             const std::string& after) = 0;
  virtual absl::StatusOr<std::vector<Fit>> LoadAllFits() = 0;  ///< at start-up, for the snapshots
  virtual absl::StatusOr<Forecast> GetForecast(const std::string& study_id,
                                               const std::string& forecast_id) = 0;
  /// Newest first; forecasts of one instant by id.
  virtual absl::StatusOr<Page<Forecast>> ListForecasts(const std::string& study_id, std::int64_t limit,
                                                       const std::string& after) = 0;
  /// Of all studies, by study, source and interval; only what was scored against a stated interval.
  virtual absl::StatusOr<std::vector<TrackRecord>> ListTrackRecords() = 0;
  virtual absl::StatusOr<std::vector<UserLaw>> ListLaws() = 0;
  virtual absl::StatusOr<std::vector<AccessToken>> ListTokens() = 0;  ///< by id, revoked ones too
  virtual absl::StatusOr<Upload> GetUpload(const std::string& id) = 0;
  virtual absl::StatusOr<StoredRequest> GetRequest(const std::string& request_id) = 0;
  virtual absl::StatusOr<StudySize> GetStudySize(const std::string& id) = 0;
};

}  // namespace sextant::storage
