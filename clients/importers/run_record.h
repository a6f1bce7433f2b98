// SPDX-License-Identifier: Apache-2.0
// What the importers hand out: runs, rejects and notes as plain data. No proto, no storage.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/run_field_table.h"

namespace sextant::importers {

/// A run's curve as columns of one length; a column that was not measured is empty, NaN marks a value that is
/// missing or not finite. `step` counts completed optimizer updates and rises strictly.
struct ImportedCurve {
  std::vector<std::int64_t> step;
  std::vector<double> tokens;  ///< processed at that step
  std::vector<float> train_loss, validation_loss, learning_rate, gradient_noise_scale;
  std::size_t size() const { return step.size(); }
};

enum class ImportedState { kUnspecified, kRunning, kFinished, kDiverged, kCrashed };

/// One training run as its source states it: nothing is converted, what the source does not say is absent.
struct ImportedRun : RunQuantities<std::optional<double>> {
  std::string run_id;
  ImportedState state = ImportedState::kUnspecified;
  std::string schedule, optimizer;
  std::optional<std::int64_t> seed;
  std::map<std::string, std::string> tags;
  std::vector<std::string> labels;
  std::map<std::string, double> variables;  ///< that the study declares, by name
  std::string source;                       ///< file name the run came from
  std::int64_t line = 0;                    ///< 1-based line of the source, 0 if it has none
  std::optional<ImportedCurve> curve;
};

/// A record that was not taken, and why.
struct Reject {
  std::string source;
  std::int64_t line = 0;  ///< 1-based, 0 if the source has no lines
  std::string reason;
};

/// Takes what an importer reads, in the order of the source. Called from one thread.
class RunSink {
 public:
  virtual ~RunSink() = default;
  /// A run that passed validation. An error stops the import and is returned from it.
  virtual absl::Status AddRun(ImportedRun run) = 0;
  virtual void AddReject(Reject reject) = 0;
  /// Something the user should know that is not a reject: a column taken under another name, a lossy export.
  virtual void AddNote(const std::string& source, const std::string& note) = 0;
};

}  // namespace sextant::importers
