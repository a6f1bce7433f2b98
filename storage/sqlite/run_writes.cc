#include "storage/sqlite/run_writes.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "storage/curve_codec.h"
#include "storage/curve_parts.h"
#include "storage/merge.h"
#include "storage/sqlite/curve_rows.h"
#include "storage/sqlite/run_columns.h"
#include "storage/sqlite/run_rows.h"
#include "storage/sqlite/study_rows.h"

namespace sextant::storage::sqlite {
namespace {

// Keys of runs that were never stored, or that a rollback took back, are used again: nothing refers to them.
absl::StatusOr<std::int64_t> NextRunKey(Connection& connection) {
  auto statement = connection.Prepare("SELECT value FROM counters WHERE name = 'next_run_key'");
  if (!statement.ok()) return statement.status();
  auto row = statement->Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError(absl::StrCat(connection.path(), ": a counter is missing"));
  return statement->Int(0);
}

absl::Status SetNextRunKey(Connection& connection, std::int64_t key) {
  auto statement = connection.Prepare("UPDATE counters SET value = ? WHERE name = 'next_run_key'");
  if (!statement.ok()) return statement.status();
  return statement->Next(key).Run();
}

absl::StatusOr<PutOutcome> Update(Connection& connection, std::int64_t study_key, const std::string& study_id,
                                  const EncodedRun& given, StudyTotals& totals) {
  auto stored = SelectRun(connection, study_key, study_id, given.run.id);
  if (!stored.ok()) return stored.status();
  // No more of a long stored curve than there is to compare.
  const auto given_points = static_cast<std::int64_t>(given.curve.points());
  auto curve = ReadCurve(connection, stored->run_key, stored->run.curve_points, 0, given_points);
  if (!curve.ok()) return curve.status();
  const auto given_curve = given.curve.Decode();
  if (!given_curve.ok()) return given_curve.status();
  const Merge merge = MergeRun(stored->run, *curve, given.run, *given_curve);
  if (merge.outcome != PutOutcome::kAccepted) return merge.outcome;

  Run next = merge.take_fields ? given.run : stored->run;
  next.source = given.run.source;
  next.update_time = given.run.update_time;
  next.curve_points = stored->run.curve_points;
  if (merge.take_curve) {
    auto grown = WriteCurve(connection, stored->run_key, *given_curve, curve->size());
    if (!grown.ok()) return grown.status();
    next.curve_points = given_points;
    totals.curve_bytes += *grown;
    totals.points += next.curve_points - stored->run.curve_points;
  }
  absl::Status status = ReplaceRun(connection, study_key, stored->run_key, stored->run, next);
  if (!status.ok()) return status;
  return PutOutcome::kAccepted;
}

// Appends to a stored run; reads no more of it than the chunk it ends in and what is given again.
absl::StatusOr<PutOutcome> Continue(Connection& connection, std::int64_t study_key,
                                    const std::string& study_id, const EncodedRun& given,
                                    StudyTotals& totals) {
  auto stored = SelectRun(connection, study_key, study_id, given.run.id);
  if (absl::IsNotFound(stored.status())) return PutOutcome::kConflict;
  if (!stored.ok()) return stored.status();
  const std::int64_t points = stored->run.curve_points;
  if (given.curve_begin > points) return PutOutcome::kConflict;
  const auto chunk = static_cast<std::int64_t>(kPointsPerChunk);
  const std::int64_t tail_begin = given.curve_begin / chunk * chunk;
  auto curve = ReadCurve(connection, stored->run_key, points, tail_begin, points - tail_begin);
  if (!curve.ok()) return curve.status();
  const auto more = given.curve.Decode();
  if (!more.ok()) return more.status();
  const PutOutcome outcome = MergeContinuation(points, *curve, tail_begin, *more, given.curve_begin);
  if (outcome != PutOutcome::kAccepted) return outcome;
  Append(*more, static_cast<std::size_t>(points - given.curve_begin), *curve);
  auto grown = WriteCurve(connection, stored->run_key, *curve, static_cast<std::size_t>(points),
                          static_cast<std::size_t>(tail_begin));
  if (!grown.ok()) return grown.status();
  Run next = stored->run;
  next.update_time = given.run.update_time;
  next.curve_points = tail_begin + static_cast<std::int64_t>(curve->size());
  totals.curve_bytes += *grown;
  totals.points += next.curve_points - points;
  absl::Status status = ReplaceRun(connection, study_key, stored->run_key, stored->run, next);
  if (!status.ok()) return status;
  return PutOutcome::kAccepted;
}

}  // namespace

absl::StatusOr<std::vector<PutOutcome>> PutRuns(Connection& connection, const std::string& study_id,
                                                std::span<const EncodedRun> runs) {
  auto study = FindStudy(connection, study_id);
  if (!study.ok()) return study.status();
  auto first_key = NextRunKey(connection);
  if (!first_key.ok()) return first_key.status();
  std::int64_t next_key = *first_key;
  StudyTotals totals;
  std::vector<PutOutcome> outcomes;
  outcomes.reserve(runs.size());
  for (const EncodedRun& given : runs) {
    if (absl::Status status = CheckRun(given.run); !status.ok()) return status;
    if (given.curve_begin > 0) {
      auto outcome = Continue(connection, study->key, study_id, given, totals);
      if (!outcome.ok()) return outcome.status();
      outcomes.push_back(*outcome);
      continue;
    }
    const auto points = static_cast<std::int64_t>(given.curve.points());
    auto inserted = InsertRun(connection, study->key, next_key, given.run, points);
    if (!inserted.ok()) return inserted.status();
    if (!*inserted) {
      auto outcome = Update(connection, study->key, study_id, given, totals);
      if (!outcome.ok()) return outcome.status();
      outcomes.push_back(*outcome);
      continue;
    }
    auto bytes = WriteChunks(connection, next_key, given.curve);
    if (!bytes.ok()) return bytes.status();
    ++next_key;
    ++totals.runs;
    totals.points += points;
    totals.curve_bytes += *bytes;
    outcomes.push_back(PutOutcome::kAccepted);
  }
  if (next_key != *first_key) {
    if (absl::Status status = SetNextRunKey(connection, next_key); !status.ok()) return status;
  }
  if (absl::Status status = AddToTotals(connection, study->key, totals); !status.ok()) return status;
  const bool changed = std::find(outcomes.begin(), outcomes.end(), PutOutcome::kAccepted) != outcomes.end();
  if (changed) {
    if (absl::Status status = CountRunChange(connection, study->key); !status.ok()) return status;
  }
  return outcomes;
}

absl::Status DeleteRun(Connection& connection, const std::string& study_id, const std::string& run_id) {
  auto study = FindStudy(connection, study_id);
  if (!study.ok()) return study.status();
  auto stored = SelectRun(connection, study->key, study_id, run_id);
  if (!stored.ok()) return stored.status();
  auto bytes = DeleteCurve(connection, stored->run_key);
  if (!bytes.ok()) return bytes.status();
  if (absl::Status status = RemoveRun(connection, study->key, run_id); !status.ok()) return status;
  if (absl::Status status = CountRunChange(connection, study->key); !status.ok()) return status;
  return AddToTotals(connection, study->key,
                     {.runs = -1, .points = -stored->run.curve_points, .curve_bytes = -*bytes});
}

}  // namespace sextant::storage::sqlite
