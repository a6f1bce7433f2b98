// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/run_writes.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "base/status_macros.h"
#include "storage/curve_codec.h"
#include "storage/curve_parts.h"
#include "storage/merge.h"
#include "storage/relational/rows/curve_rows.h"
#include "storage/relational/rows/run_changes.h"
#include "storage/relational/rows/run_rows.h"
#include "storage/relational/rows/study_rows.h"

namespace sextant::storage::relational {

absl::StatusOr<std::int64_t> NextRunKey(Connection& connection) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("SELECT value FROM counters WHERE name = 'next_run_key'"));
  ASSIGN_OR_RETURN(auto row, statement.Step());
  if (!row) return absl::DataLossError(absl::StrCat(connection.path(), ": a counter is missing"));
  return statement.Int(0);
}

absl::Status SetNextRunKey(Connection& connection, std::int64_t key) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("UPDATE counters SET value = ? WHERE name = 'next_run_key'"));
  return statement.Next(key).Run();
}

absl::StatusOr<PutOutcome> UpdateRun(Connection& connection, std::int64_t study_key,
                                     const std::string& study_id, const EncodedRun& encoded,
                                     StudyTotals& totals) {
  auto stored = SelectRun(connection, study_key, study_id, encoded.run.id);
  if (encoded.curve_begin > 0 && absl::IsNotFound(stored.status())) return PutOutcome::kConflict;
  if (!stored.ok()) return stored.status();
  const std::int64_t points = stored->run.curve_points;
  if (encoded.curve_begin > points) return PutOutcome::kConflict;
  ASSIGN_OR_RETURN(auto given_curve, encoded.curve.Decode());
  const RunWithCurve given{encoded.run, std::move(given_curve), encoded.curve_begin, encoded.curve_length};
  const auto chunk = static_cast<std::int64_t>(kPointsPerChunk);
  const std::int64_t tail_begin = given.curve_begin / chunk * chunk;
  const std::int64_t given_end = given.curve_begin + static_cast<std::int64_t>(given.curve.size());
  ASSIGN_OR_RETURN(auto tail, ReadCurve(connection, stored->run_key, points, tail_begin,
                                        std::min(points, given_end) - tail_begin));
  const Merge merge = MergeRun(stored->run, tail, tail_begin, given);
  if (merge.outcome != PutOutcome::kAccepted) return merge.outcome;

  Run next = merge.take_fields ? given.run : stored->run;
  // A continuation that brings points alone says nothing of where the run comes from.
  next.source = given.curve_begin > 0 && !merge.take_fields ? stored->run.source : given.run.source;
  next.update_time = given.run.update_time;
  next.curve_points = points;
  if (merge.take_points) {
    Curve joined;
    if (given.curve_begin > 0) {
      joined = Slice(tail, 0, static_cast<std::size_t>(given.curve_begin - tail_begin));
      Append(given.curve, 0, joined);
    }
    ASSIGN_OR_RETURN(auto grown,
                     WriteCurve(connection, stored->run_key, given.curve_begin > 0 ? joined : given.curve,
                                merge.keep, points, tail_begin));
    next.curve_points = std::max(points, given_end);
    totals.curve_bytes += grown;
    totals.points += next.curve_points - points;
  }
  RETURN_IF_ERROR(ReplaceRun(connection, study_key, stored->run_key, stored->run, next));
  return PutOutcome::kAccepted;
}

absl::StatusOr<std::vector<PutOutcome>> CountOutcomes(Connection& connection, std::int64_t study_key,
                                                      std::vector<PutOutcome> outcomes) {
  const bool changed = std::find(outcomes.begin(), outcomes.end(), PutOutcome::kAccepted) != outcomes.end();
  if (changed) {
    RETURN_IF_ERROR(CountRunChange(connection, study_key));
  }
  return outcomes;
}

absl::StatusOr<std::vector<PutOutcome>> PutRuns(Connection& connection, const std::string& study_id,
                                                std::span<const EncodedRun> runs) {
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  ASSIGN_OR_RETURN(auto first_key, NextRunKey(connection));
  std::int64_t next_key = first_key;
  StudyTotals totals;
  std::vector<PutOutcome> outcomes;
  outcomes.reserve(runs.size());
  for (const EncodedRun& given : runs) {
    RETURN_IF_ERROR(CheckRun(given.run));
    if (given.curve_begin > 0) {
      ASSIGN_OR_RETURN(auto outcome, UpdateRun(connection, study.key, study_id, given, totals));
      outcomes.push_back(outcome);
      continue;
    }
    const auto points = static_cast<std::int64_t>(given.curve.points());
    ASSIGN_OR_RETURN(auto inserted, InsertRun(connection, study.key, next_key, given.run, points));
    if (!inserted) {
      ASSIGN_OR_RETURN(auto outcome, UpdateRun(connection, study.key, study_id, given, totals));
      outcomes.push_back(outcome);
      continue;
    }
    ASSIGN_OR_RETURN(auto bytes, WriteChunks(connection, next_key, given.curve));
    ++next_key;
    ++totals.runs;
    totals.points += points;
    totals.curve_bytes += bytes;
    outcomes.push_back(PutOutcome::kAccepted);
  }
  if (next_key != first_key) {
    RETURN_IF_ERROR(SetNextRunKey(connection, next_key));
  }
  RETURN_IF_ERROR(AddToTotals(connection, study.key, totals));
  return CountOutcomes(connection, study.key, std::move(outcomes));
}

absl::Status DeleteRun(Connection& connection, const std::string& study_id, const std::string& run_id) {
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  ASSIGN_OR_RETURN(auto stored, SelectRun(connection, study.key, study_id, run_id));
  ASSIGN_OR_RETURN(auto bytes, DeleteCurve(connection, stored.run_key));
  RETURN_IF_ERROR(RemoveRun(connection, study.key, run_id));
  RETURN_IF_ERROR(CountRunChange(connection, study.key));
  return AddToTotals(connection, study.key,
                     {.runs = -1, .points = -stored.run.curve_points, .curve_bytes = -bytes});
}

}  // namespace sextant::storage::relational
