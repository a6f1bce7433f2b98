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

// What a run is to the runs around it: on its own; a trunk, whose rate never falls; a branch of a trunk whose
// rate falls to its end at some horizon; or a branch that goes on at some batch size.
enum class RunRole { kAlone, kTrunk, kHorizon, kBatch };

// Where a branch left its trunk. Steps count on from the trunk's.
struct BranchPoint {
  std::string parent;        // run id of the trunk
  int64_t step = 0;          // optimizer updates taken over
  int64_t tokens = 0;        // that they trained on
  double learning_rate = 0;  // the trunk's peak
  double shared_tokens = 0;  // this branch's share of the trunk: each stretch of it is divided evenly among
                             // the branches that leave behind it
};

// One run. Shares with the sweep: data and optimizer constants.
struct RunSpec {
  std::string run_id;
  ModelShape shape;
  int batch_sequences = 0;
  Schedule schedule;
  RunSettings settings;
  RunRole role = RunRole::kAlone;
  BranchPoint from;  // of branches

  int64_t batch_size_tokens() const { return static_cast<int64_t>(batch_sequences) * shape.sequence_length; }
  // Trained on after so many updates, the trunk's included.
  int64_t TokensAt(int64_t step) const {
    return step > from.step ? from.tokens + (step - from.step) * batch_size_tokens()
                            : step * (from.step > 0 ? from.tokens / from.step : 0);
  }
  int64_t tokens() const { return TokensAt(schedule.steps); }
  int64_t own_tokens() const { return tokens() - from.tokens; }  // without the trunk's
  // Used by update `step`, from 0.
  double RateAt(int64_t step) const {
    return (step < from.step ? from.learning_rate : settings.learning_rate) * ScheduleFactor(schedule, step);
  }
};

// A trunk and what leaves it. The trunk ends where its last branch leaves.
struct Trunk {
  RunSpec run;
  std::vector<RunSpec> branches;
};

struct Sweep {
  std::string name;
  DataSpec data;
  CurveSpec curve;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double clip_norm = 1.0;
  std::vector<RunSpec> runs;  // on their own; without duplicates
  std::vector<Trunk> trunks;  // likewise

  size_t run_count() const;  // trunks and branches included
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

// "d128-L4-B16384-D23986176-lr0.001", with -wd, -s and -ds parts where they differ from 0.1, 1 and 1, and
// -trunk, -horizon-from-STEP or -batch-from-STEP by role.
std::string MakeRunId(const RunSpec& run);

}  // namespace sextant::trainer
