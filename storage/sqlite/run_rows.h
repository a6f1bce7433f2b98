// Rows of `runs`, with their inverted tags and labels: one run in, one run out.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "storage/run_fields.h"
#include "storage/sqlite/connection.h"

namespace sextant::storage::sqlite {

/// The columns that ReadRun reads, over the table alias r. Quantities are in the order of kRunQuantities.
inline constexpr char kRunColumns[] =
    "r.id, r.run_key, r.state, r.params_non_embedding, r.params_total, r.params_active, "
    "r.params_non_input_embedding, r.tokens, r.learning_rate, r.batch_size_tokens, r.sequence_length, "
    "r.steps, "
    "r.weight_decay, r.adam_beta2, r.loss, r.warmup_steps, r.adam_beta1, r.min_learning_rate, r.flops, "
    "r.seed, "
    "r.schedule, r.optimizer, r.tags, r.labels, r.source, r.create_time, r.update_time, r.curve_points";

struct StoredRun {
  Run run;
  std::int64_t run_key = 0;
};

/// The current row of a query that begins with kRunColumns.
absl::StatusOr<StoredRun> ReadRun(const Statement& row, const std::string& study_id);

/// InvalidArgument for an empty or long id, or text that is not UTF-8.
absl::Status CheckRun(const Run& run);

/// Inserts; false when the id is taken. `run.curve_points` is stored as given.
absl::StatusOr<bool> InsertRun(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                               const Run& run);
/// Replaces everything but create_time of a run that exists; `before` is what is stored.
absl::Status ReplaceRun(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                        const Run& before, const Run& run);
absl::Status ReplaceLabels(Connection& connection, std::int64_t study_key, const Run& before,
                           const std::vector<std::string>& labels);
/// Removes the row, its tags and labels; not its curve.
absl::Status RemoveRun(Connection& connection, std::int64_t study_key, const Run& run);
/// NotFound without the run.
absl::StatusOr<StoredRun> SelectRun(Connection& connection, std::int64_t study_key,
                                    const std::string& study_id, const std::string& run_id);

}  // namespace sextant::storage::sqlite
