// SPDX-License-Identifier: Apache-2.0
// The state of an engine, taken off the device and put back.
#include "base/status_macros.h"
#include "clients/trainer/cuda/engine_gpu.h"

namespace sextant::trainer::cuda {

template <typename T>
absl::Status GpuEngine<T>::Copy(float* to, const float* from, size_t count, cudaMemcpyKind kind,
                                const char* doing) {
  return FromCuda(cudaMemcpyAsync(to, from, count * sizeof(float), kind, main_), doing);
}

template <typename T>
absl::StatusOr<Snapshot> GpuEngine<T>::Save() {
  constexpr char kDoing[] = "saving state";
  ASSIGN_OR_RETURN(std::vector<StepLog> logs, ReadLog());
  std::vector<RunState> states(stack_.runs);
  RETURN_IF_ERROR(FromCuda(cudaMemcpyAsync(states.data(), at_->state, sizeof(RunState) * states.size(),
                                           cudaMemcpyDeviceToHost, main_),
                           kDoing));
  Snapshot snapshot;
  snapshot.step = queued_steps_;
  snapshot.runs.resize(stack_.runs);
  const size_t count = stack_.parameter_stride;
  for (int run = 0; run < stack_.runs; ++run) {
    RunSnapshot& to = snapshot.runs[run];
    const size_t at = run * count;
    for (auto [values, from] :
         {std::pair{&to.weights, at_->weights}, std::pair{&to.first_moment, at_->first_moment},
          std::pair{&to.second_moment, at_->second_moment}}) {
      values->resize(count);
      RETURN_IF_ERROR(Copy(values->data(), from + at, count, cudaMemcpyDeviceToHost, kDoing));
    }
    to.log = std::move(logs[run]);
  }
  RETURN_IF_ERROR(Finish(kDoing));
  for (int run = 0; run < stack_.runs; ++run) snapshot.runs[run].diverged = states[run].diverged != 0;
  return snapshot;
}

template <typename T>
absl::Status GpuEngine<T>::Restore(const Snapshot& snapshot) {
  constexpr char kDoing[] = "restoring state";
  RETURN_IF_ERROR(Validate(job_, snapshot));
  std::vector<RunState> states(stack_.runs);
  const size_t count = stack_.parameter_stride;
  const auto steps = static_cast<size_t>(snapshot.step);
  for (int run = 0; run < stack_.runs; ++run) {
    const RunSnapshot& from = snapshot.runs[run];
    states[run].step = snapshot.step;
    states[run].diverged = from.diverged ? 1 : 0;
    const size_t at = run * count;
    const size_t log = run * static_cast<size_t>(job_.schedule.steps);
    constexpr cudaMemcpyKind kUp = cudaMemcpyHostToDevice;
    RETURN_IF_ERROR(Copy(at_->weights + at, from.weights.data(), count, kUp, kDoing));
    RETURN_IF_ERROR(Copy(at_->first_moment + at, from.first_moment.data(), count, kUp, kDoing));
    RETURN_IF_ERROR(Copy(at_->second_moment + at, from.second_moment.data(), count, kUp, kDoing));
    RETURN_IF_ERROR(Copy(at_->train_loss + log, from.log.train_loss.data(), steps, kUp, kDoing));
    RETURN_IF_ERROR(Copy(at_->gradient_norm + log, from.log.gradient_norm.data(), steps, kUp, kDoing));
    Round<T>(at_->weights + at, count, at_->low + at, main_);
  }
  RETURN_IF_ERROR(FromCuda(cudaMemcpyAsync(at_->state, states.data(), sizeof(RunState) * states.size(),
                                           cudaMemcpyHostToDevice, main_),
                           kDoing));
  queued_steps_ = snapshot.step;
  return Finish(kDoing);
}

template absl::StatusOr<Snapshot> GpuEngine<float>::Save();
template absl::Status GpuEngine<float>::Restore(const Snapshot&);
template absl::StatusOr<Snapshot> GpuEngine<__nv_bfloat16>::Save();
template absl::Status GpuEngine<__nv_bfloat16>::Restore(const Snapshot&);

}  // namespace sextant::trainer::cuda
