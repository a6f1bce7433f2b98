// SPDX-License-Identifier: Apache-2.0
// The record store: the one interface that the server keeps records through.
//
// Implementations: SQLite (storage/sqlite). A shared database server would be a second one; the suite in
// tests/storage/store_suite runs against every implementation.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/encoded_curve.h"
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
  std::string field;  ///< a run field's name ("params_non_embedding", "state", "id", …) or tag key
  double number = 0;  ///< numeric fields
  std::string text;   ///< text fields and tags
};

struct RunQuery {
  std::string study_id;
  std::vector<Condition> where;  ///< all must hold
  std::string order_by;          ///< a run field's name; empty: by id. Ties by id; unknown values come last
  bool descending = false;
  std::int64_t limit = 100;  ///< 1 to 100 000
  std::string after;         ///< next_key of the page before
};

/// What became of one run of a batch.
enum class PutOutcome : std::uint8_t { kAccepted, kDuplicate, kConflict };

/// How big a study is. Counts are kept up to date, never counted.
struct StudySize {
  std::int64_t runs = 0, fits = 0;
  std::int64_t points = 0;       ///< of all curves
  std::int64_t curve_bytes = 0;  ///< that the points take, compressed
};

/// The state of the store as a whole.
struct StoreHealth {
  std::string location;  ///< the file
  int schema_version = 0;
  std::int64_t file_bytes = 0;  ///< the file; with log_bytes, all that is on disk
  std::int64_t log_bytes = 0;   ///< writes that are durable but not moved into the file yet
  std::int64_t free_bytes = 0;  ///< of the file: left by deletions, used again by later writes
};

/// Which runs lose the labels that a source gave them before: those that are named, or all of the study.
enum class LabelScope : std::uint8_t { kNamedRuns, kWholeStudy };

struct RunWithCurve {
  Run run;
  Curve curve;  ///< may be empty
  /// Above 0: `curve` goes on where a stored run holds this many points; without `curve_length` only the
  /// run's id counts then.
  std::int64_t curve_begin = 0;
  /// Above 0: `curve` is a part of one of so many points. Every part comes with the run's fields, which are
  /// judged with every part; those of a stored run change with the last.
  std::int64_t curve_length = 0;
};

/// A RunWithCurve whose curve is compressed already.
struct EncodedRun {
  Run run;
  EncodedCurve curve;
  std::int64_t curve_begin = 0, curve_length = 0;
};

/// All methods return what they say or an error status: NotFound, AlreadyExists, InvalidArgument,
/// FailedPrecondition (newer schema, read-only), ResourceExhausted (disk full), DataLoss (corruption),
/// Unavailable (busy). Writing methods are called by one thread at a time (see Writer); reading methods may
/// be called from any thread, concurrently. A write that returned OK survives kill -9.
class Store {
 public:
  virtual ~Store() = default;

  // Writes. Each is one transaction unless inside Batch.
  virtual absl::Status CreateStudy(const Study& study) = 0;  ///< AlreadyExists
  virtual absl::Status UpdateStudy(const Study& study,
                                   std::int64_t expected_revision) = 0;  ///< Aborted if stale; -1: any
  virtual absl::Status DeleteStudy(const std::string& id) = 0;           ///< with its runs, curves and fits
  /// Adds runs; a run whose id exists with equal content is kDuplicate, with other content kConflict (kept as
  /// it was). Content is everything but times, source and labels (which are annotations: SetRunLabels). A run
  /// that has gone on since it was stored updates what is there (kAccepted). In detail:
  ///  - a curve that is a beginning of the stored one (or empty) adds nothing; one that contradicts it is a
  ///    conflict; one that goes on behind it extends it. Values that the last stored point lacks may come,
  ///    since a step may have been half logged;
  ///  - while the stored state is kRunning, and whenever the curve goes on so, loss, tokens, steps, flops,
  ///  tags
  ///    and state may change, and other quantities may become known, but a known one may not change; where
  ///    the curve goes on, tokens, steps and flops may not fall, and a peak rate that is the largest of the
  ///    curve's own, both stored and given, may rise (not for a curve in parts);
  ///  - an earlier state of the stored run (a shorter beginning of its curve, fewer tokens or steps, the same
  ///    recipe) adds nothing: kDuplicate;
  ///  - create_time stays that of the first time; source and update_time become those of the update.
  ///  - a continuation (curve_begin > 0) appends what the stored curve does not hold yet. kDuplicate when it
  ///    holds all of it; kConflict when the run is not there, when points before it are missing, when
  ///    points that both hold differ, or when its steps do not rise from the stored ones. Memory does not
  ///    grow with the stored curve.
  /// One outcome a run, in order. InvalidArgument (nothing kept) for a run id that is empty or over 200
  /// bytes, text that is not UTF-8, or curve columns of different lengths; NotFound without the study.
  absl::StatusOr<std::vector<PutOutcome>> PutRuns(const std::string& study_id,
                                                  std::span<const RunWithCurve> runs);
  /// The same, for runs that other threads have encoded.
  virtual absl::StatusOr<std::vector<PutOutcome>> PutEncodedRuns(const std::string& study_id,
                                                                 std::span<const EncodedRun> runs) = 0;
  virtual absl::Status DeleteRun(const std::string& study_id, const std::string& run_id) = 0;
  /// Makes `labels` all that `source` says about the runs in `scope`; labels of other sources stay. A source
  /// is 1 to 32 of a-z. NotFound (nothing kept) for a named run that is not there; with kWholeStudy, whose
  /// labels took time to find, such a run is passed over.
  virtual absl::Status SetRunLabels(const std::string& study_id, const std::string& source,
                                    std::span<const RunLabels> labels, LabelScope scope) = 0;
  virtual absl::Status PutFit(const Fit& fit) = 0;  ///< inserts or replaces by (study, id)
  virtual absl::Status DeleteFit(const std::string& study_id, const std::string& fit_id) = 0;
  virtual absl::Status PutLaw(const UserLaw& law) = 0;  ///< AlreadyExists
  virtual absl::Status DeleteLaw(const std::string& id) = 0;
  virtual absl::Status PutUpload(const Upload& upload) = 0;  ///< inserts or replaces
  /// Remembers the answer to a mutation under a client's request id (24 h).
  virtual absl::Status PutRequest(const std::string& request_id, const std::string& body_digest,
                                  const std::string& response) = 0;
  /// Runs `work` in one transaction: all of it or nothing.
  virtual absl::Status Batch(const std::function<absl::Status(Store&)>& work) = 0;

  // Reads. A page has 1 to 100 000 items (InvalidArgument).
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
  virtual absl::StatusOr<std::vector<UserLaw>> ListLaws() = 0;
  virtual absl::StatusOr<Upload> GetUpload(const std::string& id) = 0;
  struct StoredRequest {
    std::string body_digest, response;
  };
  virtual absl::StatusOr<StoredRequest> GetRequest(const std::string& request_id) = 0;

  virtual absl::StatusOr<StudySize> GetStudySize(const std::string& id) = 0;

  // Care.
  virtual absl::StatusOr<StoreHealth> GetHealth() = 0;
  virtual absl::Status CheckIntegrity() = 0;                 ///< DataLoss says what is broken
  virtual absl::Status BackUp(const std::string& path) = 0;  ///< online copy to a new file
  virtual absl::Status Checkpoint() = 0;                     ///< WAL into the file
};

}  // namespace sextant::storage
