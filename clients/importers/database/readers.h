// Readers of experiment databases and run folders. Errors are those of reading the source or of the sink,
// everything else is a reject or a note.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/importers/detect.h"
#include "clients/importers/emit.h"
#include "clients/importers/inputs.h"

namespace sextant::importers {

/// Which program a SQLite file is of, by its tables; no format if it is of none.
absl::StatusOr<Detection> DatabaseKind(const std::string& path);

/// One run of MLflow's file store: meta.yaml, metrics/KEY with "time value step" a line, params/KEY.
absl::Status ReadMlflowFolder(const Input& input, Emitter& emitter);
/// MLflow's SQLite store: every run that is not deleted.
absl::Status ReadMlflowDatabase(const Input& input, Emitter& emitter);
/// Optuna's SQLite storage: every trial that has begun, one run each. What a study minimizes is its loss.
absl::Status ReadOptunaDatabase(const Input& input, Emitter& emitter);

}  // namespace sextant::importers
