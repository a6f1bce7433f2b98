// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/cuda/engine_gpu.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <type_traits>

#include "base/status_macros.h"

namespace sextant::trainer::cuda {

absl::Status FromCuda(cudaError_t error, const char* doing) {
  if (error == cudaSuccess) return absl::OkStatus();
  const std::string message = absl::StrCat(doing, ": ", cudaGetErrorString(error));
  if (error == cudaErrorMemoryAllocation) return absl::ResourceExhaustedError(message);
  return absl::InternalError(message);
}

#define SEXTANT_RETURN_IF_ERROR(expression) \
  do {                                      \
    RETURN_IF_ERROR((expression));          \
  } while (false)

template <typename T>
GpuEngine<T>::GpuEngine(const FusedJob& job, const DeviceLoan& loan)
    : job_(job), loan_(loan), layout_(job.shape), stack_(StackOf(job)) {
  source_.tokens = loan.tokens;
  source_.train_windows = loan.token_set->TrainWindows(job.shape.sequence_length);
  source_.validation_start = loan.token_set->train_tokens();
  source_.validation_windows = job.validation_windows;
  source_.sequence_length = job.shape.sequence_length;
  source_.batch_sequences = job.batch_sequences;
  source_.first_window = job.first_window;
  optimizer_ = {job.schedule, static_cast<float>(job.beta1), static_cast<float>(job.beta2),
                static_cast<float>(job.epsilon), static_cast<float>(job.clip_norm)};
}

template <typename T>
absl::StatusOr<std::unique_ptr<GpuEngine<T>>> GpuEngine<T>::Create(const FusedJob& job,
                                                                   const DeviceLoan& loan) {
  SEXTANT_RETURN_IF_ERROR(Validate(job, *loan.token_set));
  std::unique_ptr<GpuEngine> engine(new GpuEngine(job, loan));
  SEXTANT_RETURN_IF_ERROR(engine->Start());
  return engine;
}

template <typename T>
GpuEngine<T>::~GpuEngine() {
  if (main_ != nullptr) cudaStreamSynchronize(main_);
  for (cudaGraphExec_t graph : {step_graph_, validation_graph_}) {
    if (graph != nullptr) cudaGraphExecDestroy(graph);
  }
  for (cudaEvent_t event : events_) cudaEventDestroy(event);
  for (cudaEvent_t event : layer_done_) cudaEventDestroy(event);
  for (cudaStream_t stream : {main_, side_}) {
    if (stream != nullptr) cudaStreamDestroy(stream);
  }
  cudaFree(slab_);
}

template <typename T>
absl::Status GpuEngine<T>::Start() {
  Arena counter(nullptr);
  Buffers<T>(job_, &counter);
  SEXTANT_RETURN_IF_ERROR(FromCuda(cudaMalloc(&slab_, counter.used()), "allocating device memory"));
  Arena arena(slab_);
  at_ = std::make_unique<Buffers<T>>(job_, &arena);
  SEXTANT_RETURN_IF_ERROR(FromCuda(cudaStreamCreateWithFlags(&main_, cudaStreamNonBlocking), "stream"));
  SEXTANT_RETURN_IF_ERROR(FromCuda(cudaStreamCreateWithFlags(&side_, cudaStreamNonBlocking), "stream"));
  events_.resize(4 * job_.shape.layers + 8);
  layer_done_.resize(job_.shape.layers + 1);
  for (std::vector<cudaEvent_t>* events : {&events_, &layer_done_}) {
    for (cudaEvent_t& event : *events) {
      SEXTANT_RETURN_IF_ERROR(FromCuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event"));
    }
  }
  SEXTANT_RETURN_IF_ERROR(MakeProducts());  // tries products out on the slab, so before it is filled
  SEXTANT_RETURN_IF_ERROR(UploadConstants());
  absl::StatusOr<cudaGraphExec_t> graph = Capture([this] { QueueStep(); });
  if (!graph.ok()) return graph.status();
  step_graph_ = *graph;
  graph = Capture([this] { QueueValidationBatch(); });
  if (!graph.ok()) return graph.status();
  validation_graph_ = *graph;
  return Finish("starting");
}

template <typename T>
absl::Status GpuEngine<T>::UploadConstants() {
  std::vector<RunConstants> constants;
  for (const RunSettings& run : job_.runs) {
    constants.push_back({run.seed, run.data_seed, static_cast<float>(run.learning_rate),
                         static_cast<float>(run.weight_decay)});
  }
  std::vector<float2> rotary;
  for (int position = 0; position < job_.shape.sequence_length; ++position) {
    for (int pair = 0; pair < kHeadDim / 2; ++pair) {
      const float angle =
          static_cast<float>(position) * std::pow(kRotaryBase, -2.0F * static_cast<float>(pair) / kHeadDim);
      rotary.push_back({std::cos(angle), std::sin(angle)});
    }
  }
  std::vector<uint8_t> decays(stack_.parameter_stride / 8);
  std::vector<size_t> gains;
  for (const Tensor& tensor : layout_.tensors) {
    std::fill_n(decays.begin() + static_cast<int64_t>(tensor.offset / 8), tensor.size() / 8,
                tensor.decays() ? 1 : 0);
    if (tensor.kind == TensorKind::kGain) gains.push_back(tensor.offset);
  }
  auto upload = [this](void* to, const auto& from) {
    return FromCuda(
        cudaMemcpyAsync(to, from.data(), from.size() * sizeof(from[0]), cudaMemcpyHostToDevice, main_),
        "uploading constants");
  };
  SEXTANT_RETURN_IF_ERROR(upload(at_->constants, constants));
  SEXTANT_RETURN_IF_ERROR(upload(at_->rotary, rotary));
  SEXTANT_RETURN_IF_ERROR(upload(at_->decays, decays));
  SEXTANT_RETURN_IF_ERROR(upload(at_->gain_offsets, gains));
  const size_t moments = sizeof(float) * stack_.runs * stack_.parameter_stride;
  cudaMemsetAsync(at_->first_moment, 0, moments, main_);
  cudaMemsetAsync(at_->second_moment, 0, moments, main_);
  cudaMemsetAsync(at_->gradient, 0, moments, main_);
  cudaMemsetAsync(at_->state, 0, sizeof(RunState) * stack_.runs, main_);
  cudaMemsetAsync(at_->arrivals, 0, sizeof(unsigned) * stack_.runs, main_);
  for (const Tensor& tensor : layout_.tensors) {
    Initialize<T>(at_->constants, stack_, tensor.offset, tensor.size(),
                  static_cast<float>(InitialStdDev(tensor.kind, job_.shape.layers)), at_->weights, at_->low,
                  main_);
  }
  return Finish("initializing weights");
}

template <typename T>
absl::Status GpuEngine<T>::MakeLinear(int out, int in, Linear* linear) const {
  GemmShape shape{
      GemmKind::kForward,       stack_.runs, stack_.rows_per_run, out, in, stack_.parameter_stride,
      !std::is_same_v<T, float>};
  const size_t room = static_cast<char*>(at_->workspace[0]) - static_cast<char*>(slab_);
  const GemmScratch scratch{slab_, room, at_->workspace[0], main_};
  for (auto [kind, to] : {std::pair{GemmKind::kForward, &linear->forward},
                          std::pair{GemmKind::kBackwardInput, &linear->backward_input},
                          std::pair{GemmKind::kBackwardWeight, &linear->backward_weight}}) {
    shape.kind = kind;
    ASSIGN_OR_RETURN(std::unique_ptr<Gemm> gemm, Gemm::Create(loan_.cublas, shape, scratch, loan_.choices));
    *to = std::move(gemm);
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status GpuEngine<T>::MakeProducts() {
  const int d = job_.shape.d_model;
  const int f = job_.shape.ffn_hidden;
  SEXTANT_RETURN_IF_ERROR(MakeLinear(3 * d, d, &qkv_));
  SEXTANT_RETURN_IF_ERROR(MakeLinear(d, d, &attention_output_));
  SEXTANT_RETURN_IF_ERROR(MakeLinear(2 * f, d, &gate_up_));
  SEXTANT_RETURN_IF_ERROR(MakeLinear(d, f, &down_));
  return MakeLinear(job_.shape.vocab, d, &head_);
}

template <typename T>
absl::StatusOr<cudaGraphExec_t> GpuEngine<T>::Capture(const std::function<void()>& queue) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  SEXTANT_RETURN_IF_ERROR(
      FromCuda(cudaStreamBeginCapture(main_, cudaStreamCaptureModeThreadLocal), "capture"));
  queue();
  SEXTANT_RETURN_IF_ERROR(FromCuda(cudaStreamEndCapture(main_, &graph), "capturing the step"));
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  SEXTANT_RETURN_IF_ERROR(FromCuda(error, "instantiating the step"));
  if (cublas_status_ != CUBLAS_STATUS_SUCCESS) {
    return absl::InternalError(
        absl::StrCat("cuBLASLt failed with status ", static_cast<int>(cublas_status_)));
  }
  return executable;
}

template <typename T>
absl::Status GpuEngine<T>::Finish(const char* doing) {
  SEXTANT_RETURN_IF_ERROR(FromCuda(cudaStreamSynchronize(main_), doing));
  SEXTANT_RETURN_IF_ERROR(FromCuda(cudaGetLastError(), doing));
  if (cublas_status_ != CUBLAS_STATUS_SUCCESS) {
    return absl::InternalError(
        absl::StrCat("cuBLASLt failed with status ", static_cast<int>(cublas_status_)));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status GpuEngine<T>::Advance(int64_t steps) {
  for (int64_t i = 0; i < steps; ++i) {
    SEXTANT_RETURN_IF_ERROR(FromCuda(cudaGraphLaunch(step_graph_, main_), "launching a step"));
  }
  queued_steps_ += steps;
  return absl::OkStatus();
}

template <typename T>
absl::StatusOr<std::vector<double>> GpuEngine<T>::ValidationLoss() {
  std::vector<RunState> states(stack_.runs);
  const size_t bytes = sizeof(RunState) * states.size();
  // Only the two validation fields are reset: the others belong to the training steps queued.
  for (int run = 0; run < stack_.runs; ++run) {
    cudaMemsetAsync(&at_->state[run].validation_sum, 0, sizeof(double) + sizeof(long long), main_);
  }
  const int64_t batches = (job_.validation_windows + job_.batch_sequences - 1) / job_.batch_sequences;
  for (int64_t i = 0; i < batches; ++i) {
    SEXTANT_RETURN_IF_ERROR(FromCuda(cudaGraphLaunch(validation_graph_, main_), "launching validation"));
  }
  cudaMemcpyAsync(states.data(), at_->state, bytes, cudaMemcpyDeviceToHost, main_);
  SEXTANT_RETURN_IF_ERROR(Finish("validating"));
  std::vector<double> losses;
  for (const RunState& state : states) {
    losses.push_back(state.validation_sum /
                     static_cast<double>(job_.validation_windows * job_.shape.sequence_length));
  }
  return losses;
}

template <typename T>
absl::Status GpuEngine<T>::QueueNorm(int first_row, int last_row, std::vector<double>* squared) {
  Buffers<T>& b = *at_;
  QueueForward(false, true, first_row, last_row);
  QueueBackward();
  FinishGradient(optimizer_, b.constants, stack_, b.gradient, b.loss, b.partial, b.arrivals, b.state,
                 b.train_loss, b.gradient_norm, b.squared_norm, main_);
  squared->resize(stack_.runs);
  cudaMemcpyAsync(squared->data(), b.squared_norm, sizeof(double) * squared->size(), cudaMemcpyDeviceToHost,
                  main_);
  return Finish("measuring gradient norms");
}

template <typename T>
absl::StatusOr<std::vector<GradientNorms>> GpuEngine<T>::MeasureGradientNorms() {
  const int rows = stack_.rows_per_run;
  const int half = job_.batch_sequences / 2 * job_.shape.sequence_length;
  std::vector<double> whole, first, second;
  SEXTANT_RETURN_IF_ERROR(QueueNorm(0, rows, &whole));
  SEXTANT_RETURN_IF_ERROR(QueueNorm(0, half, &first));
  SEXTANT_RETURN_IF_ERROR(QueueNorm(rows - half, rows, &second));
  std::vector<GradientNorms> norms;
  for (int run = 0; run < stack_.runs; ++run) norms.push_back({whole[run], (first[run] + second[run]) / 2});
  return norms;
}

template <typename T>
absl::StatusOr<std::vector<StepLog>> GpuEngine<T>::ReadLog() {
  const int64_t capacity = job_.schedule.steps;
  std::vector<float> loss(static_cast<size_t>(capacity) * stack_.runs);
  std::vector<float> norm(loss.size());
  cudaMemcpyAsync(loss.data(), at_->train_loss, loss.size() * sizeof(float), cudaMemcpyDeviceToHost, main_);
  cudaMemcpyAsync(norm.data(), at_->gradient_norm, norm.size() * sizeof(float), cudaMemcpyDeviceToHost,
                  main_);
  SEXTANT_RETURN_IF_ERROR(Finish("training"));
  std::vector<StepLog> logs(stack_.runs);
  const int64_t done = std::min(queued_steps_, capacity);
  for (int64_t run = 0; run < stack_.runs; ++run) {
    logs[run].train_loss.assign(loss.begin() + run * capacity, loss.begin() + run * capacity + done);
    logs[run].gradient_norm.assign(norm.begin() + run * capacity, norm.begin() + run * capacity + done);
  }
  return logs;
}

template <typename T>
absl::StatusOr<std::vector<float>> GpuEngine<T>::ReadParameters(int run) {
  std::vector<float> values(stack_.parameter_stride);
  cudaMemcpyAsync(values.data(), at_->weights + run * stack_.parameter_stride, values.size() * sizeof(float),
                  cudaMemcpyDeviceToHost, main_);
  SEXTANT_RETURN_IF_ERROR(Finish("reading weights"));
  return values;
}

template <typename T>
absl::Status GpuEngine<T>::WriteParameters(int run, const std::vector<float>& values) {
  if (values.size() != stack_.parameter_stride)
    return absl::InvalidArgumentError("wrong number of parameters");
  const size_t at = run * stack_.parameter_stride;
  cudaMemcpyAsync(at_->weights + at, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice,
                  main_);
  Round<T>(at_->weights + at, values.size(), at_->low + at, main_);
  return Finish("writing weights");
}

template <typename T>
absl::StatusOr<std::vector<float>> GpuEngine<T>::ComputeGradient(int run) {
  QueueForward(false, true, 0, stack_.rows_per_run);
  QueueBackward();
  std::vector<float> values(stack_.parameter_stride);
  cudaMemcpyAsync(values.data(), at_->gradient + run * stack_.parameter_stride, values.size() * sizeof(float),
                  cudaMemcpyDeviceToHost, main_);
  SEXTANT_RETURN_IF_ERROR(Finish("computing gradients"));
  return values;
}

template <typename T>
absl::StatusOr<std::vector<std::pair<std::string, double>>> GpuEngine<T>::Profile() {
  constexpr int kRepeats = 20;
  profiling_ = true;
  QueueStep();
  profiling_ = false;
  SEXTANT_RETURN_IF_ERROR(Finish("profiling"));
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  std::vector<std::pair<std::string, double>> times;
  std::map<std::string, std::pair<double, int>> known;  // ms of one, and how often
  for (const auto& [name, body] : profile_) {
    auto [entry, fresh] = known.try_emplace(name);
    ++entry->second.second;
    if (!fresh) continue;
    const auto& run = body;
    ASSIGN_OR_RETURN(cudaGraphExec_t graph, Capture([&] {
                       for (int i = 0; i < kRepeats; ++i) run(main_);
                     }));
    cudaGraphLaunch(graph, main_);
    cudaEventRecord(begin, main_);
    cudaGraphLaunch(graph, main_);
    cudaEventRecord(end, main_);
    SEXTANT_RETURN_IF_ERROR(Finish("profiling"));
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, begin, end);
    entry->second.first = milliseconds / kRepeats;
    cudaGraphExecDestroy(graph);
  }
  for (const auto& [name, time] : known) {
    times.emplace_back(absl::StrCat(name, " x", time.second), time.first * time.second);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  profile_.clear();
  return times;
}

template class GpuEngine<float>;
template class GpuEngine<__nv_bfloat16>;

}  // namespace sextant::trainer::cuda
