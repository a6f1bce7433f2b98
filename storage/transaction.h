// SPDX-License-Identifier: Apache-2.0
// Writing the record store.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "storage/encoded_curve.h"
#include "storage/records.h"
#include "storage/snapshot.h"

namespace sextant::storage {

/// What became of one run of a batch.
enum class PutOutcome : std::uint8_t { kAccepted, kDuplicate, kConflict };

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

/// What Store::Write hands to a function, for the time of its call and its thread: all of what that writes is
/// committed, or nothing. Its reads see its own writes.
///
/// A method that fails leaves nothing behind, and the transaction may go on. Errors besides those of a
/// Snapshot: AlreadyExists, FailedPrecondition, ResourceExhausted (disk full). After an error that cost the
/// engine the whole transaction every further call reports that error.
class Transaction : public Snapshot {
 public:
  virtual absl::Status CreateStudy(const Study& study) = 0;  ///< AlreadyExists
  virtual absl::Status UpdateStudy(const Study& study,
                                   std::int64_t expected_revision) = 0;  ///< Aborted if stale; -1: any
  virtual absl::Status DeleteStudy(const std::string& id) = 0;           ///< with all that is in it
  /// Adds runs; a run whose id exists with equal content is kDuplicate, with other content kConflict (kept as
  /// it was). Content is everything but times, source and labels (which are annotations: SetRunLabels). A run
  /// that has gone on since it was stored updates what is there (kAccepted). In detail:
  ///  - a curve that is a beginning of the stored one (or empty) adds nothing; one that contradicts it is a
  ///    conflict; one that goes on behind it extends it. Values that the last stored point lacks may come,
  ///    since a step may have been half logged;
  ///  - while the stored state is kRunning, and whenever the curve goes on so, loss, tokens, steps, flops,
  ///  values of declared columns, tags
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
  /// AlreadyExists. As it is given, with its seal and scores: whether the seal holds is the reader's to ask.
  virtual absl::Status PutForecast(const Forecast& forecast) = 0;
  /// Makes `scores` all that is known of how the forecast turned out.
  virtual absl::Status PutForecastScores(const std::string& study_id, const std::string& forecast_id,
                                         const std::vector<ForecastScore>& scores) = 0;
  virtual absl::Status DeleteForecast(const std::string& study_id, const std::string& forecast_id) = 0;
  virtual absl::Status PutLaw(const UserLaw& law) = 0;  ///< AlreadyExists
  virtual absl::Status DeleteLaw(const std::string& id) = 0;
  virtual absl::Status PutToken(const AccessToken& token) = 0;  ///< inserts or replaces by id
  virtual absl::Status PutUpload(const Upload& upload) = 0;     ///< inserts or replaces
  /// Remembers the answer to a mutation under a client's request id (24 h).
  virtual absl::Status PutRequest(const std::string& request_id, const std::string& body_digest,
                                  const std::string& response) = 0;
  /// Runs `work` in this transaction: all of what it writes or, when it fails, nothing.
  virtual absl::Status Nested(const std::function<absl::Status(Transaction&)>& work) = 0;
};

}  // namespace sextant::storage
