// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/bulk_runs.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "storage/postgres/sql/copy_in.h"
#include "storage/postgres/sql/prepared_statement.h"
#include "storage/relational/rows/curve_rows.h"
#include "storage/relational/rows/run_labels.h"
#include "storage/relational/rows/run_rows.h"
#include "storage/relational/rows/run_writes.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::postgres {
namespace {

using relational::StudyTotals;

/// New runs that wait to be copied.
struct NewRun {
  const EncodedRun* given;
  std::int64_t run_key;
};

absl::StatusOr<std::set<std::string, std::less<>>> StoredIds(Connection& connection, std::int64_t study_key,
                                                             std::span<const EncodedRun> runs) {
  std::vector<std::string_view> ids;
  ids.reserve(runs.size());
  for (const EncodedRun& run : runs) ids.push_back(run.run.id);
  PreparedPostgres select(connection, "SELECT id FROM runs WHERE study_key = ? AND id = ANY(?)",
                          /*keep=*/false);
  select.BindInt(1, study_key);
  select.BindTexts(2, ids);
  std::set<std::string, std::less<>> stored;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, select.Step());
    if (!row) return stored;
    stored.emplace(select.Text(0));
  }
}

absl::Status CopyRuns(Connection& connection, std::int64_t study_key, std::span<const NewRun> runs) {
  ASSIGN_OR_RETURN(auto copy, CopyIn::Begin(connection, "runs", relational::StoredRunColumns()));
  for (const NewRun& run : runs) {
    copy.BeginRow(relational::RunColumnCount() + 1);
    relational::WriteRun(copy, study_key, run.run_key, run.given->run,
                         relational::ToJson(run.given->run.tags),
                         relational::UploadedLabels(run.given->run.labels),
                         static_cast<std::int64_t>(run.given->curve.points()));
  }
  return copy.Finish();
}

absl::Status CopyChunks(Connection& connection, std::span<const NewRun> runs, StudyTotals& totals) {
  std::unique_ptr<CopyIn> copy;  // not begun for runs without curves
  for (const NewRun& run : runs) {
    const EncodedCurve& curve = run.given->curve;
    for (std::size_t i = 0; i < curve.chunks(); ++i) {
      if (copy == nullptr) {
        ASSIGN_OR_RETURN(auto begun, CopyIn::Begin(connection, "curve_chunks", "chunk_key, points, data"));
        copy = std::make_unique<CopyIn>(std::move(begun));
      }
      copy->BeginRow(3);
      copy->Int(relational::ChunkKey(run.run_key, i));
      copy->Int(static_cast<std::int64_t>(curve.chunk_points(i)));
      copy->Blob(curve.chunk(i));
      totals.curve_bytes += static_cast<std::int64_t>(curve.chunk(i).size());
    }
  }
  return copy != nullptr ? copy->Finish() : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<PutOutcome>> PutRunsInBulk(Connection& connection, const std::string& study_id,
                                                      std::span<const EncodedRun> runs) {
  ASSIGN_OR_RETURN(auto study, relational::FindStudy(connection, study_id));
  for (const EncodedRun& given : runs) {
    RETURN_IF_ERROR(relational::CheckRun(given.run));
    RETURN_IF_ERROR(relational::CheckPoints(given.curve.points()));
  }
  ASSIGN_OR_RETURN(auto first_key, relational::NextRunKey(connection));
  ASSIGN_OR_RETURN(auto stored, StoredIds(connection, study.key, runs));
  std::int64_t next_key = first_key;
  StudyTotals totals;
  std::vector<NewRun> waiting;
  std::set<std::string_view> waiting_ids;
  const auto copy_waiting = [&]() -> absl::Status {
    if (waiting.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(CopyRuns(connection, study.key, waiting));
    RETURN_IF_ERROR(CopyChunks(connection, waiting, totals));
    waiting.clear();
    waiting_ids.clear();
    return absl::OkStatus();
  };
  std::vector<PutOutcome> outcomes;
  outcomes.reserve(runs.size());
  for (const EncodedRun& given : runs) {
    if (given.curve_begin == 0 && stored.insert(given.run.id).second) {
      waiting.push_back({&given, next_key++});
      waiting_ids.insert(given.run.id);
      ++totals.runs;
      totals.points += static_cast<std::int64_t>(given.curve.points());
      outcomes.push_back(PutOutcome::kAccepted);
      continue;
    }
    if (waiting_ids.contains(given.run.id)) {
      RETURN_IF_ERROR(copy_waiting());
    }
    ASSIGN_OR_RETURN(auto outcome, relational::UpdateRun(connection, study.key, study_id, given, totals));
    outcomes.push_back(outcome);
  }
  RETURN_IF_ERROR(copy_waiting());
  if (next_key != first_key) {
    RETURN_IF_ERROR(relational::SetNextRunKey(connection, next_key));
  }
  RETURN_IF_ERROR(relational::AddToTotals(connection, study.key, totals));
  return relational::CountOutcomes(connection, study.key, std::move(outcomes));
}

}  // namespace sextant::storage::postgres
