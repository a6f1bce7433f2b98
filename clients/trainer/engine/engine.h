// SPDX-License-Identifier: Apache-2.0
// What trains: K runs of one shape advanced together, on the CPU reference or on a GPU.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clients/trainer/model/schedule.h"
#include "clients/trainer/model/shape.h"
#include "clients/trainer/tokens/token_file.h"

namespace sextant::trainer {

// What may differ between runs that are fused.
struct RunSettings {
  double learning_rate = 0;  // peak
  double weight_decay = 0.1;
  uint64_t seed = 1;       // initial weights
  uint64_t data_seed = 1;  // window order
};

// What fused runs share.
struct FusedJob {
  ModelShape shape;
  int batch_sequences = 0;  // windows a step and run; batch_size_tokens = batch_sequences x sequence_length
  Schedule schedule;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double clip_norm = 1.0;
  int64_t validation_windows = 0;  // scored from the start of the validation part
  // Step s trains on the windows from first_window + s x batch_sequences of the order. 0, unless the runs
  // took over from others of another batch; then it may be negative, and no step before the one taken over is
  // run.
  int64_t first_window = 0;
  std::vector<RunSettings> runs;
};

// A run's log, one entry a step done. Losses are means over the step's batch, before its update.
struct StepLog {
  std::vector<float> train_loss;     // nats a token; NaN from the step that diverged on
  std::vector<float> gradient_norm;  // before clipping
};

// All that a run needs to go on elsewhere with the same bits. Its windows and random numbers are functions of
// seeds and step alone.
struct RunSnapshot {
  std::vector<float> weights, first_moment, second_moment;  // ParameterLayout order
  bool diverged = false;
  StepLog log;  // of the steps done
};
struct Snapshot {
  int64_t step = 0;  // optimizer updates done
  std::vector<RunSnapshot> runs;
};

// Squared gradient norms of one batch and the mean over its halves, the ingredients of the noise scale.
struct GradientNorms {
  double whole_squared = 0;
  double half_squared = 0;
};

// The simple noise scale B_simple in tokens from norms at batches B and B/2 (McCandlish et al. 2018, appendix
// A.1). Averages of the norms over nearby steps go in; NaN when the signal is lost in noise.
double NoiseScaleTokens(const GradientNorms& mean, double batch_size_tokens);

// K runs in training. Not thread-safe. A run whose loss or gradient stops being finite stays as it was before
// that step and logs NaN; the others are not touched by it.
class Engine {
 public:
  virtual ~Engine() = default;
  // Queues or performs `steps` further optimizer steps of every run.
  virtual absl::Status Advance(int64_t steps) = 0;
  // Mean held-out loss of each run, nats a token, at the weights reached.
  virtual absl::StatusOr<std::vector<double>> ValidationLoss() = 0;
  // Norms for the batch that comes next, without training on it.
  virtual absl::StatusOr<std::vector<GradientNorms>> MeasureGradientNorms() = 0;
  // Waits for the work queued and returns each run's log of all steps done.
  virtual absl::StatusOr<std::vector<StepLog>> ReadLog() = 0;

  // Waits for the work queued and returns the state reached.
  virtual absl::StatusOr<Snapshot> Save() = 0;
  // Goes on from a state that an engine of the same shape and number of runs saved, whatever its batch or
  // schedule. InvalidArgument when it is of another shape, or lies behind the end of this job's schedule.
  virtual absl::Status Restore(const Snapshot& snapshot) = 0;

  // For tests: fp32 weights of run `run`, ParameterLayout order.
  virtual absl::StatusOr<std::vector<float>> ReadParameters(int run) = 0;
  virtual absl::Status WriteParameters(int run, const std::vector<float>& values) = 0;
  // Gradient of the mean loss of the batch that comes next, before clipping.
  virtual absl::StatusOr<std::vector<float>> ComputeGradient(int run) = 0;
};

// Checks a job against its tokens: shape, batch, schedule, rates, vocabulary, windows. InvalidArgument says
// which.
absl::Status Validate(const FusedJob& job, const TokenSet& tokens);

// Whether an engine of this job can go on from the snapshot; InvalidArgument says why not.
absl::Status Validate(const FusedJob& job, const Snapshot& snapshot);

// fp32, plain C++, runs one after another. `tokens` must outlive the engine.
absl::StatusOr<std::unique_ptr<Engine>> NewReferenceEngine(const FusedJob& job, const TokenSet& tokens);

}  // namespace sextant::trainer
