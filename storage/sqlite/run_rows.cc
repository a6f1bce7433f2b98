#include "storage/sqlite/run_rows.h"

#include <absl/strings/str_cat.h>

#include <set>

#include "storage/sqlite/json_text.h"

namespace sextant::storage::sqlite {
namespace {

constexpr std::size_t kMaxIdBytes = 200;

std::vector<std::string> SortedSet(const std::vector<std::string>& values) {
  const std::set<std::string> sorted(values.begin(), values.end());
  return {sorted.begin(), sorted.end()};
}

// Parameters ?1, ?2, … are study_key and the columns of kRunColumns in order.
void BindRun(Statement& statement, std::int64_t study_key, std::int64_t run_key, const Run& run) {
  statement.Next(study_key).Next(std::string_view(run.id)).Next(run_key);
  statement.Next(static_cast<std::int64_t>(run.state));
  for (const RunQuantity& quantity : kRunQuantities) statement.Next(run.*quantity.value);
  if (run.seed.has_value()) {
    statement.Next(*run.seed);
  } else {
    statement.NextNull();
  }
  statement.Next(std::string_view(run.schedule)).Next(std::string_view(run.optimizer));
  statement.Next(std::string_view(ToJson(run.tags))).Next(std::string_view(ToJson(SortedSet(run.labels))));
  statement.Next(std::string_view(run.source));
  statement.Next(run.create_time).Next(run.update_time).Next(run.curve_points);
}

absl::Status ForEachTag(Connection& connection, const char* sql, std::int64_t study_key, const Run& run) {
  if (run.tags.empty()) return absl::OkStatus();
  auto statement = connection.Prepare(sql);
  if (!statement.ok()) return statement.status();
  for (const auto& [key, value] : run.tags) {
    statement->Next(study_key).Next(std::string_view(key)).Next(std::string_view(value));
    if (absl::Status status = statement->Next(std::string_view(run.id)).Run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ForEachLabel(Connection& connection, const char* sql, std::int64_t study_key,
                          const std::string& run_id, const std::vector<std::string>& labels) {
  if (labels.empty()) return absl::OkStatus();
  auto statement = connection.Prepare(sql);
  if (!statement.ok()) return statement.status();
  for (const std::string& label : labels) {
    statement->Next(study_key).Next(std::string_view(label));
    if (absl::Status status = statement->Next(std::string_view(run_id)).Run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

constexpr char kAddTag[] = "INSERT INTO run_tags VALUES (?, ?, ?, ?)";
constexpr char kDropTag[] =
    "DELETE FROM run_tags WHERE study_key = ? AND key = ? AND value = ? AND run_id = ?";
constexpr char kAddLabel[] = "INSERT OR IGNORE INTO run_labels VALUES (?, ?, ?)";
constexpr char kDropLabel[] = "DELETE FROM run_labels WHERE study_key = ? AND label = ? AND run_id = ?";

}  // namespace

absl::StatusOr<StoredRun> ReadRun(const Statement& row, const std::string& study_id) {
  StoredRun stored;
  Run& run = stored.run;
  run.study_id = study_id;
  run.id = row.Text(0);
  stored.run_key = row.Int(1);
  run.state = static_cast<fitting::RunState>(row.Int(2));
  int column = 3;
  for (const RunQuantity& quantity : kRunQuantities) run.*quantity.value = row.Real(column++);
  if (!row.IsNull(column)) run.seed = row.Int(column);
  ++column;
  run.schedule = row.Text(column++);
  run.optimizer = row.Text(column++);
  if (absl::Status status = FromJson(row.Text(column++), run.tags); !status.ok()) return status;
  if (absl::Status status = FromJson(row.Text(column++), run.labels); !status.ok()) return status;
  run.source = row.Text(column++);
  run.create_time = row.Int(column++);
  run.update_time = row.Int(column++);
  run.curve_points = row.Int(column++);
  return stored;
}

absl::Status CheckRun(const Run& run) {
  if (run.id.empty() || run.id.size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a run id has 1 to ", kMaxIdBytes, " bytes; this one has ", run.id.size()));
  }
  if (absl::Status status = CheckText(run.id, "the run id"); !status.ok()) return status;
  const std::string of_run = absl::StrCat(" of run '", run.id, "'");
  for (const auto& [text, what] :
       {std::pair{&run.schedule, "the schedule"}, std::pair{&run.optimizer, "the optimizer"},
        std::pair{&run.source, "the source"}}) {
    if (absl::Status status = CheckText(*text, what + of_run); !status.ok()) return status;
  }
  for (const auto& [key, value] : run.tags) {
    if (absl::Status status = CheckText(key, "a tag's key" + of_run); !status.ok()) return status;
    if (absl::Status status = CheckText(value, "a tag's value" + of_run); !status.ok()) return status;
  }
  for (const std::string& label : run.labels) {
    if (absl::Status status = CheckText(label, "a label" + of_run); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> InsertRun(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                               const Run& run) {
  auto statement = connection.Prepare(
      "INSERT INTO runs (study_key, id, run_key, state, params_non_embedding, params_total, params_active, "
      "params_non_input_embedding, tokens, learning_rate, batch_size_tokens, sequence_length, steps, "
      "weight_decay, "
      "adam_beta2, loss, warmup_steps, adam_beta1, min_learning_rate, flops, seed, schedule, optimizer, "
      "tags, labels, "
      "source, create_time, update_time, curve_points) VALUES "
      "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT DO NOTHING");
  if (!statement.ok()) return statement.status();
  BindRun(*statement, study_key, run_key, run);
  if (absl::Status status = statement->Run(); !status.ok()) return status;
  if (connection.changes() == 0) return false;
  if (absl::Status status = ForEachTag(connection, kAddTag, study_key, run); !status.ok()) return status;
  absl::Status status = ForEachLabel(connection, kAddLabel, study_key, run.id, run.labels);
  if (!status.ok()) return status;
  return true;
}

absl::Status ReplaceRun(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                        const Run& before, const Run& run) {
  if (absl::Status status = RemoveRun(connection, study_key, before); !status.ok()) return status;
  Run kept = run;
  kept.create_time = before.create_time;
  auto inserted = InsertRun(connection, study_key, run_key, kept);
  if (!inserted.ok()) return inserted.status();
  return *inserted ? absl::OkStatus()
                   : absl::InternalError(absl::StrCat("run '", run.id, "' is stored twice"));
}

absl::Status ReplaceLabels(Connection& connection, std::int64_t study_key, const Run& before,
                           const std::vector<std::string>& labels) {
  const std::vector<std::string> sorted = SortedSet(labels);
  for (const std::string& label : sorted) {
    if (absl::Status status = CheckText(label, "a label of run '" + before.id + "'"); !status.ok())
      return status;
  }
  absl::Status status = ForEachLabel(connection, kDropLabel, study_key, before.id, before.labels);
  if (!status.ok()) return status;
  status = ForEachLabel(connection, kAddLabel, study_key, before.id, sorted);
  if (!status.ok()) return status;
  auto statement = connection.Prepare("UPDATE runs SET labels = ? WHERE study_key = ? AND id = ?");
  if (!statement.ok()) return statement.status();
  return statement->Next(std::string_view(ToJson(sorted)))
      .Next(study_key)
      .Next(std::string_view(before.id))
      .Run();
}

absl::Status RemoveRun(Connection& connection, std::int64_t study_key, const Run& run) {
  if (absl::Status status = ForEachTag(connection, kDropTag, study_key, run); !status.ok()) return status;
  absl::Status status = ForEachLabel(connection, kDropLabel, study_key, run.id, run.labels);
  if (!status.ok()) return status;
  auto statement = connection.Prepare("DELETE FROM runs WHERE study_key = ? AND id = ?");
  if (!statement.ok()) return statement.status();
  return statement->Next(study_key).Next(std::string_view(run.id)).Run();
}

absl::StatusOr<StoredRun> SelectRun(Connection& connection, std::int64_t study_key,
                                    const std::string& study_id, const std::string& run_id) {
  auto statement = connection.Prepare(
      absl::StrCat("SELECT ", kRunColumns, " FROM runs r WHERE r.study_key = ? AND r.id = ?"));
  if (!statement.ok()) return statement.status();
  auto row = statement->Next(study_key).Next(std::string_view(run_id)).Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError(absl::StrCat("no run '", run_id, "' in study '", study_id, "'"));
  return ReadRun(*statement, study_id);
}

}  // namespace sextant::storage::sqlite
