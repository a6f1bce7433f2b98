// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/schema.h"

#include <absl/strings/str_cat.h>

#include <array>

#include "base/status_macros.h"
#include "storage/sqlite/file/fit_models.h"

namespace sextant::storage::sqlite {
namespace {

// Version 1. Unknown quantities are NULL.
//
// Runs are clustered by (study, id): a study's runs load, and are filtered, by one range scan in the order
// that listings and fits want. docs/decisions says why there is no index on every quantity.
constexpr char kVersion1[] = R"sql(
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('next_run_key', 1);

CREATE TABLE studies (
  study_key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  param_count INTEGER NOT NULL,
  loss_unit INTEGER NOT NULL,
  labels TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  run_count INTEGER NOT NULL DEFAULT 0,
  fit_count INTEGER NOT NULL DEFAULT 0,
  point_count INTEGER NOT NULL DEFAULT 0,
  curve_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE runs (
  study_key INTEGER NOT NULL REFERENCES studies,
  id TEXT NOT NULL,
  run_key INTEGER NOT NULL,
  state INTEGER NOT NULL,
  params_non_embedding REAL,
  params_total REAL,
  params_active REAL,
  params_non_input_embedding REAL,
  tokens REAL,
  learning_rate REAL,
  batch_size_tokens REAL,
  sequence_length REAL,
  steps REAL,
  weight_decay REAL,
  adam_beta2 REAL,
  loss REAL,
  warmup_steps REAL,
  adam_beta1 REAL,
  min_learning_rate REAL,
  flops REAL,
  seed INTEGER,
  schedule TEXT NOT NULL,
  optimizer TEXT NOT NULL,
  tags TEXT NOT NULL,
  labels TEXT NOT NULL,
  source TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  curve_points INTEGER NOT NULL,
  PRIMARY KEY (study_key, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_running ON runs (study_key, id) WHERE state = 1;

-- chunk_key = run_key * 2^20 + index of the chunk in its run.
CREATE TABLE curve_chunks (
  chunk_key INTEGER PRIMARY KEY,
  points INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;

CREATE TABLE fits (
  fit_key INTEGER PRIMARY KEY,
  study_key INTEGER NOT NULL REFERENCES studies,
  id TEXT NOT NULL,
  state INTEGER NOT NULL,
  law_id TEXT NOT NULL,
  error_code INTEGER NOT NULL,
  error TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  end_time INTEGER NOT NULL,
  result_law_id TEXT NOT NULL,
  law_toml TEXT NOT NULL,
  target INTEGER NOT NULL,
  estimator TEXT NOT NULL,
  objective_kind TEXT NOT NULL,
  result_study_id TEXT NOT NULL,
  data_digest TEXT NOT NULL,
  filter TEXT NOT NULL,
  holdout_filter TEXT NOT NULL,
  seed INTEGER NOT NULL,
  bootstrap_replicates INTEGER NOT NULL,
  version TEXT NOT NULL,
  param_count TEXT NOT NULL,
  loss_unit TEXT NOT NULL,
  runs_used INTEGER NOT NULL,
  cells_used INTEGER NOT NULL,
  objective REAL,
  starts INTEGER NOT NULL,
  starts_at_optimum INTEGER NOT NULL,
  condition_number REAL,
  holdout_runs INTEGER,
  holdout_mean_relative_error REAL,
  holdout_has_excess_loss INTEGER NOT NULL,
  holdout_mean_excess_loss REAL,
  near_optimal_log_low REAL,
  near_optimal_log_high REAL,
  UNIQUE (study_key, id)
) STRICT;
CREATE INDEX fits_by_law ON fits (study_key, law_id, create_time);
CREATE TABLE fit_parameters (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  estimate REAL,
  has_low INTEGER NOT NULL,
  low REAL,
  has_high INTEGER NOT NULL,
  high REAL,
  at_bound INTEGER NOT NULL,
  PRIMARY KEY (fit_key, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE fit_influence (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  position INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  objective_share REAL,
  shift REAL,
  PRIMARY KEY (fit_key, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE fit_warnings (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  position INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (fit_key, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE fit_ranges (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  variable TEXT NOT NULL,
  low REAL,
  high REAL,
  PRIMARY KEY (fit_key, variable)
) STRICT, WITHOUT ROWID;
CREATE TABLE fit_diagnostics (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  name TEXT NOT NULL,
  value REAL,
  PRIMARY KEY (fit_key, name)
) STRICT, WITHOUT ROWID;
-- kind 0 correlations, 1 replicates, 2 model replicates, 3 a model's numbers by name; little-endian doubles.
CREATE TABLE fit_arrays (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (fit_key, kind, name)
) STRICT;

CREATE TABLE laws (
  id TEXT PRIMARY KEY,
  toml TEXT NOT NULL,
  create_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
  id TEXT PRIMARY KEY,
  study_id TEXT NOT NULL,
  format_digest TEXT NOT NULL,
  next_chunk INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  duplicate INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  complete INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
  request_id TEXT PRIMARY KEY,
  body_digest TEXT NOT NULL,
  response BLOB NOT NULL,
  create_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_age ON requests (create_time);
)sql";

// Version 2. A run's labels become an object: label -> who gives it, words apart. What was there came with
// the runs. The text of one label never holds "," with both quotes bare, so the lists can be rewritten as
// text and keep their escapes.
constexpr char kVersion2[] = R"sql(
UPDATE runs SET labels = CASE labels WHEN '[]' THEN '{}' ELSE
  '{' || replace(substr(labels, 2, length(labels) - 2), '","', '":"upload","') || ':"upload"}' END;
)sql";

// Version 3. A fit that failed says why in a word that programs read. Before, they read the message's start;
// nothing but the end of the server aborted a fit (code 10). And what a fit knows beyond its report has typed
// columns: `model` is its kind (0 none, 1 least squares, 2 critical batch, 3 other optimum, 4 optimum),
// fit_optima and the two tables after it hold what the last kind needs. MoveModelsToTables fills them.
constexpr char kVersion3[] = R"sql(
ALTER TABLE fits ADD COLUMN error_reason TEXT NOT NULL DEFAULT '';
UPDATE fits SET error_reason = 'DESIGN_NOT_IDENTIFIABLE'
  WHERE error_code = 9 AND substr(error, 1, 16) = 'not identifiable';
UPDATE fits SET error_reason = 'SERVER_STOPPED' WHERE error_code = 10;
ALTER TABLE fits ADD COLUMN model INTEGER NOT NULL DEFAULT 0;
CREATE TABLE fit_optima (
  fit_key INTEGER PRIMARY KEY REFERENCES fits ON DELETE CASCADE,
  target INTEGER NOT NULL,
  variables INTEGER NOT NULL,
  law_parameters INTEGER NOT NULL,
  replicate_count INTEGER NOT NULL,
  near_optimal_tolerance REAL,
  params_low REAL,
  params_high REAL,
  tokens_low REAL,
  tokens_high REAL,
  learning_rate_low REAL,
  learning_rate_high REAL,
  batch_size_tokens_low REAL,
  batch_size_tokens_high REAL
) STRICT;
CREATE TABLE fit_optimum_parameters (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  estimate REAL,
  PRIMARY KEY (fit_key, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE fit_optimum_members (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  position INTEGER NOT NULL,
  estimator TEXT NOT NULL,
  weight REAL,
  held_out_excess_pct REAL,
  PRIMARY KEY (fit_key, position)
) STRICT, WITHOUT ROWID;
)sql";

// Version 4. What a study declares in addition to the standard fields: kind is 0 variable, 1 minimised, 2
// maximised; floor and ceiling are of objectives. A run's values stand in runs.declared, as little-endian
// doubles in the order of position: most studies declare nothing, and pay one byte a run. And a fit remembers
// which columns its law's variables were read from (JSON), and what its data were where they were no runs.
constexpr char kVersion4[] = R"sql(
CREATE TABLE study_columns (
  study_key INTEGER NOT NULL REFERENCES studies ON DELETE CASCADE,
  position INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  unit TEXT NOT NULL,
  meaning TEXT NOT NULL,
  floor REAL,
  ceiling REAL,
  PRIMARY KEY (study_key, position)
) STRICT, WITHOUT ROWID;
ALTER TABLE runs ADD COLUMN declared BLOB;
ALTER TABLE fits ADD COLUMN columns TEXT NOT NULL DEFAULT '{}';
ALTER TABLE fits ADD COLUMN data_source TEXT NOT NULL DEFAULT '';
)sql";

constexpr int kModelTables = 3;  // the version that brought them

// Version 5. Fits of losses keep what their prediction intervals need (fits.model 5), and averages of laws
// which laws they are of. Fits made before stay of model 1, and answer as they did.
constexpr char kVersion5[] = R"sql(
CREATE TABLE fit_losses (
  fit_key INTEGER PRIMARY KEY REFERENCES fits ON DELETE CASCADE,
  cell_best INTEGER NOT NULL,
  runs_considered INTEGER NOT NULL,
  noise REAL,
  held_out_error REAL,
  held_out_sd REAL,
  held_out_reach REAL,
  largest_scale REAL
) STRICT;
CREATE TABLE fit_loss_members (
  fit_key INTEGER NOT NULL REFERENCES fits ON DELETE CASCADE,
  position INTEGER NOT NULL,
  law TEXT NOT NULL,
  weight REAL,
  held_out_error REAL,
  PRIMARY KEY (fit_key, position)
) STRICT, WITHOUT ROWID;
)sql";

// Version 6. Tokens of the service; scopes are bits (1 read, 2 write, 4 admin), studies are ids by space.
constexpr char kVersion6[] = R"sql(
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  digest BLOB NOT NULL,
  scopes INTEGER NOT NULL,
  studies TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  expire_time INTEGER NOT NULL,
  revoke_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Version 7. Forecasts: predictions that were stored before the run. All but `seal` and forecast_scores is
// what the seal is of (storage/forecast_seal.h), and nothing changes it. verdict is 0 no interval, 1 inside,
// 2 outside.
constexpr char kVersion7[] = R"sql(
ALTER TABLE studies ADD COLUMN forecast_count INTEGER NOT NULL DEFAULT 0;
CREATE TABLE forecasts (
  forecast_key INTEGER PRIMARY KEY,
  study_key INTEGER NOT NULL REFERENCES studies,
  id TEXT NOT NULL,
  seal_time INTEGER NOT NULL,
  seal TEXT NOT NULL,
  params REAL,
  tokens REAL,
  batch_size_tokens REAL,
  learning_rate REAL,
  loss REAL,
  interval REAL,
  tolerance REAL,
  param_count TEXT NOT NULL,
  loss_unit TEXT NOT NULL,
  extrapolation_params REAL,
  extrapolation_tokens REAL,
  rate_kind TEXT NOT NULL,
  version TEXT NOT NULL,
  UNIQUE (study_key, id)
) STRICT;
CREATE INDEX forecasts_by_time ON forecasts (study_key, seal_time DESC, id);
CREATE TABLE forecast_inputs (
  forecast_key INTEGER NOT NULL REFERENCES forecasts ON DELETE CASCADE,
  name TEXT NOT NULL,
  value REAL,
  PRIMARY KEY (forecast_key, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE forecast_quantities (
  forecast_key INTEGER NOT NULL REFERENCES forecasts ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  low REAL,
  high REAL,
  near_optimal_low REAL,
  near_optimal_high REAL,
  parameter_low REAL,
  parameter_high REAL,
  PRIMARY KEY (forecast_key, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE forecast_sources (
  forecast_key INTEGER NOT NULL REFERENCES forecasts ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  law_id TEXT NOT NULL,
  estimator TEXT NOT NULL,
  data_digest TEXT NOT NULL,
  quantity TEXT NOT NULL,
  PRIMARY KEY (forecast_key, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE forecast_scores (
  forecast_key INTEGER NOT NULL REFERENCES forecasts ON DELETE CASCADE,
  quantity TEXT NOT NULL,
  run_id TEXT NOT NULL,
  actual REAL,
  error REAL,
  excess_loss REAL,
  verdict INTEGER NOT NULL,
  score_time INTEGER NOT NULL,
  PRIMARY KEY (forecast_key, quantity)
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::array<const char*, 7> kMigrations = {kVersion1, kVersion2, kVersion3, kVersion4,
                                                    kVersion5, kVersion6, kVersion7};

absl::StatusOr<std::int64_t> ReadNumber(relational::Connection& connection, const char* sql) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(sql));
  auto row = statement.Step();
  if (!row.ok()) return row.status();
  return *row ? statement.Int(0) : 0;
}

}  // namespace

std::span<const char* const> Migrations() { return kMigrations; }
int CurrentSchemaVersion() { return static_cast<int>(kMigrations.size()); }

absl::StatusOr<int> ReadSchemaVersion(relational::Connection& connection) {
  ASSIGN_OR_RETURN(auto application, ReadNumber(connection, "PRAGMA application_id"));
  auto version = ReadNumber(connection, "PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (application != kApplicationId) {
    ASSIGN_OR_RETURN(auto tables, ReadNumber(connection, "SELECT count(*) FROM sqlite_schema"));
    if (application == 0 && tables == 0 && *version == 0) return 0;
    return absl::FailedPreconditionError(absl::StrCat(
        connection.path(), " is a SQLite database of another program, not Sextant's: name another file"));
  }
  if (*version > CurrentSchemaVersion()) {
    return absl::FailedPreconditionError(
        absl::StrCat(connection.path(), " was written by a newer Sextant (schema version ", *version,
                     "; this one reads up to ", CurrentSchemaVersion(), "): upgrade Sextant to open it"));
  }
  if (*version < 1) {
    return absl::DataLossError(
        absl::StrCat(connection.path(), " has an impossible schema version ", *version));
  }
  return static_cast<int>(*version);
}

absl::Status MigrateTo(Connection& connection, int version) {
  ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(connection, ScopedTransaction::Kind::kWrite));
  ASSIGN_OR_RETURN(auto from, ReadSchemaVersion(connection));
  for (int step = from; step < version; ++step) {
    RETURN_IF_ERROR(connection.Execute(kMigrations[static_cast<std::size_t>(step)]));
    if (step + 1 == kModelTables) {
      RETURN_IF_ERROR(MoveModelsToTables(connection));
    }
  }
  if (from < version) {
    RETURN_IF_ERROR(connection.Execute(
        absl::StrCat("PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", version)));
  }
  return transaction.Commit();
}

absl::Status Migrate(Connection& connection) { return MigrateTo(connection, CurrentSchemaVersion()); }

}  // namespace sextant::storage::sqlite
