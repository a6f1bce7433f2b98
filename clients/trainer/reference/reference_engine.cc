// SPDX-License-Identifier: Apache-2.0
// Engine over the fp32 transformer: each run's batch, AdamW step and log, one run after another.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status_macros.h"
#include "clients/trainer/engine/engine.h"
#include "clients/trainer/model/random.h"
#include "clients/trainer/reference/transformer.h"
#include "clients/trainer/tokens/order.h"

namespace sextant::trainer {
namespace {

struct RunState {
  std::vector<float> weights, first_moment, second_moment;
  bool diverged = false;
};

double SquaredNorm(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return sum;
}

class ReferenceEngine final : public Engine {
 public:
  ReferenceEngine(const FusedJob& job, const TokenSet& tokens)
      : job_(job),
        tokens_(tokens),
        layout_(job.shape),
        model_(job.shape, job.batch_sequences),
        log_(job.runs.size()) {
    for (const RunSettings& run : job.runs) {
      RunState state;
      state.weights.resize(layout_.size);
      for (const Tensor& tensor : layout_.tensors) {
        const auto spread = static_cast<float>(InitialStdDev(tensor.kind, job.shape.layers));
        for (size_t i = tensor.offset; i < tensor.offset + tensor.size(); ++i) {
          state.weights[i] = tensor.kind == TensorKind::kGain ? 1.0F : spread * NormalAt(run.seed, i);
        }
      }
      state.first_moment.assign(layout_.size, 0.0F);
      state.second_moment.assign(layout_.size, 0.0F);
      runs_.push_back(std::move(state));
    }
  }

  absl::Status Advance(int64_t steps) override {
    for (int64_t i = 0; i < steps; ++i, ++step_) {
      for (size_t run = 0; run < runs_.size(); ++run) Step(run);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<double>> ValidationLoss() override {
    std::vector<double> means;
    for (const RunState& state : runs_) {
      double sum = 0;
      for (int64_t first = 0; first < job_.validation_windows; first += job_.batch_sequences) {
        const int64_t count = std::min<int64_t>(job_.batch_sequences, job_.validation_windows - first);
        for (int i = 0; i < job_.batch_sequences; ++i) {
          Load(tokens_.train_tokens() +
                   std::min(first + i, job_.validation_windows - 1) * job_.shape.sequence_length,
               i);
        }
        model_.Forward(state.weights, inputs_, targets_, weight_, &loss_);
        for (int64_t i = 0; i < count * job_.shape.sequence_length; ++i) sum += loss_[i];
      }
      means.push_back(sum / static_cast<double>(job_.validation_windows * job_.shape.sequence_length));
    }
    return means;
  }

  absl::StatusOr<std::vector<GradientNorms>> MeasureGradientNorms() override {
    std::vector<GradientNorms> norms(runs_.size());
    const int half = job_.batch_sequences / 2;
    for (size_t run = 0; run < runs_.size(); ++run) {
      Gradient(run, 0, job_.batch_sequences);
      norms[run].whole_squared = SquaredNorm(gradient_);
      Gradient(run, 0, half);
      norms[run].half_squared = SquaredNorm(gradient_) / 2;
      Gradient(run, job_.batch_sequences - half, job_.batch_sequences);
      norms[run].half_squared += SquaredNorm(gradient_) / 2;
    }
    return norms;
  }

  absl::StatusOr<std::vector<StepLog>> ReadLog() override { return log_; }
  absl::StatusOr<Snapshot> Save() override {
    Snapshot snapshot{step_, {}};
    for (size_t run = 0; run < runs_.size(); ++run) {
      const RunState& state = runs_[run];
      snapshot.runs.push_back(
          {state.weights, state.first_moment, state.second_moment, state.diverged, log_[run]});
    }
    return snapshot;
  }
  absl::Status Restore(const Snapshot& snapshot) override {
    RETURN_IF_ERROR(Validate(job_, snapshot));
    step_ = snapshot.step;
    for (size_t run = 0; run < runs_.size(); ++run) {
      const RunSnapshot& from = snapshot.runs[run];
      runs_[run] = {from.weights, from.first_moment, from.second_moment, from.diverged};
      log_[run] = from.log;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<float>> ReadParameters(int run) override { return runs_[run].weights; }
  absl::Status WriteParameters(int run, const std::vector<float>& values) override {
    if (values.size() != layout_.size) return absl::InvalidArgumentError("wrong number of parameters");
    runs_[run].weights = values;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<float>> ComputeGradient(int run) override {
    Gradient(run, 0, job_.batch_sequences);
    return gradient_;
  }

 private:
  void Load(int64_t start, int sequence) {
    const int t = job_.shape.sequence_length;
    const size_t rows = static_cast<size_t>(job_.batch_sequences) * t;
    inputs_.resize(rows);
    targets_.resize(rows);
    weight_.resize(rows);
    std::copy_n(tokens_.tokens.begin() + start, t, inputs_.begin() + static_cast<int64_t>(sequence) * t);
    std::copy_n(tokens_.tokens.begin() + start + 1, t, targets_.begin() + static_cast<int64_t>(sequence) * t);
  }

  // Gradient of the mean loss over sequences [begin, end) of the coming batch; returns the batch's mean loss.
  double Gradient(size_t run, int begin, int end) {
    const int t = job_.shape.sequence_length;
    const int64_t windows = tokens_.TrainWindows(t);
    for (int i = 0; i < job_.batch_sequences; ++i) {
      const int64_t position = job_.first_window + step_ * job_.batch_sequences + i;
      Load(WindowAt(job_.runs[run].data_seed, windows, position) * t, i);
      std::fill_n(weight_.begin() + static_cast<int64_t>(i) * t, t,
                  i >= begin && i < end ? 1.0F / static_cast<float>((end - begin) * t) : 0.0F);
    }
    model_.Forward(runs_[run].weights, inputs_, targets_, weight_, &loss_);
    model_.Backward(runs_[run].weights, &gradient_);
    double sum = 0;
    for (const float loss : loss_) sum += loss;
    return sum / static_cast<double>(loss_.size());
  }

  void Step(size_t run) {
    RunState& state = runs_[run];
    const double loss = Gradient(run, 0, job_.batch_sequences);
    const double norm = std::sqrt(SquaredNorm(gradient_));
    state.diverged = state.diverged || !std::isfinite(loss) || !std::isfinite(norm);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    log_[run].train_loss.push_back(state.diverged ? nan : static_cast<float>(loss));
    log_[run].gradient_norm.push_back(state.diverged ? nan : static_cast<float>(norm));
    if (!state.diverged) Update(job_.runs[run], norm, &state);
  }

  // AdamW (Loshchilov and Hutter 2019): decay is decoupled and scaled by the rate.
  void Update(const RunSettings& settings, double norm, RunState* state) {
    const double clip = norm > job_.clip_norm ? job_.clip_norm / norm : 1.0;
    const double rate = settings.learning_rate * ScheduleFactor(job_.schedule, step_);
    const double count = static_cast<double>(step_ + 1);
    const double bias1 = 1 - std::pow(job_.beta1, count);
    const double bias2 = 1 - std::pow(job_.beta2, count);
    for (const Tensor& tensor : layout_.tensors) {
      const double decay = tensor.decays() ? rate * settings.weight_decay : 0;
      for (size_t i = tensor.offset; i < tensor.offset + tensor.size(); ++i) {
        const double g = clip * gradient_[i];
        const double m = job_.beta1 * state->first_moment[i] + (1 - job_.beta1) * g;
        const double v = job_.beta2 * state->second_moment[i] + (1 - job_.beta2) * g * g;
        state->first_moment[i] = static_cast<float>(m);
        state->second_moment[i] = static_cast<float>(v);
        state->weights[i] = static_cast<float>(state->weights[i] * (1 - decay) -
                                               rate * (m / bias1) / (std::sqrt(v / bias2) + job_.epsilon));
      }
    }
  }

  FusedJob job_;
  const TokenSet& tokens_;
  ParameterLayout layout_;
  reference::Transformer model_;
  std::vector<StepLog> log_;
  std::vector<RunState> runs_;
  std::vector<uint16_t> inputs_, targets_;
  std::vector<float> weight_, loss_, gradient_;
  int64_t step_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> NewReferenceEngine(const FusedJob& job, const TokenSet& tokens) {
  RETURN_IF_ERROR(Validate(job, tokens));
  return std::make_unique<ReferenceEngine>(job, tokens);
}

}  // namespace sextant::trainer
