// SPDX-License-Identifier: Apache-2.0
// What to train: runs, and the sweep file that names them.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "clients/trainer/engine/engine.h"
#include "clients/trainer/model/shape.h"

namespace sextant::trainer {

inline constexpr int kMaxRuns = 100000;

// Where tokens come from: exactly one of tokens_path (a token file) and bytes_path (any file, a token a
// byte).
struct DataSpec {
  std::string tokens_path;
  std::string bytes_path;
  int64_t limit_bytes = 0;  // of bytes_path; 0 for all
  int64_t validation_tokens = 0;
  int64_t validation_windows = 1024;
};

// What is written of a run's curve.
struct CurveSpec {
  int points = 100;           // train loss
  int validation_points = 8;  // evenly spaced, the end included
  int noise_points = 0;       // gradient noise scale, averaged over noise_batches batches each
  int noise_batches = 4;
};

// One run. Shares with the sweep: data and optimizer constants.
struct RunSpec {
  std::string run_id;
  ModelShape shape;
  int batch_sequences = 0;
  Schedule schedule;
  RunSettings settings;

  int64_t batch_size_tokens() const { return static_cast<int64_t>(batch_sequences) * shape.sequence_length; }
  int64_t tokens() const { return schedule.steps * batch_size_tokens(); }
};

struct Sweep {
  std::string name;
  DataSpec data;
  CurveSpec curve;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double clip_norm = 1.0;
  std::vector<RunSpec> runs;  // without duplicates
};

// Reads a sweep file (docs/trainer.md has the format). The vocabulary of the runs is left 0 for
// BindVocabulary, since the token file decides it. InvalidArgument names file, key and rule; unknown keys are
// refused.
absl::StatusOr<Sweep> ReadSweepFile(const std::string& path);
absl::StatusOr<Sweep> ParseSweep(const std::string& toml, const std::string& source);

// Gives every run the vocabulary of the tokens, rounded up to a multiple of 8, and checks every run against
// them.
absl::Status BindVocabulary(const TokenSet& tokens, Sweep* sweep);

// Loads and splits the sweep's tokens.
absl::StatusOr<TokenSet> LoadTokens(const DataSpec& data);

// "d128-L4-B16384-D23986176-lr0.001", with -wd, -s and -ds parts where they differ from 0.1, 1 and 1.
std::string MakeRunId(const RunSpec& run);

}  // namespace sextant::trainer
