#include "clients/trainer/cuda/engine_gpu.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <type_traits>

namespace sextant::trainer::cuda {

absl::Status FromCuda(cudaError_t error, const char* doing) {
  if (error == cudaSuccess) return absl::OkStatus();
  const std::string message = absl::StrCat(doing, ": ", cudaGetErrorString(error));
  if (error == cudaErrorMemoryAllocation) return absl::ResourceExhaustedError(message);
  return absl::InternalError(message);
}

#define SEXTANT_RETURN_IF_ERROR(expression)                                 \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
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
    absl::StatusOr<std::unique_ptr<Gemm>> gemm = Gemm::Create(loan_.cublas, shape, scratch, loan_.choices);
    if (!gemm.ok()) return gemm.status();
    *to = *std::move(gemm);
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
void GpuEngine<T>::Do(const char* name, const std::function<void(cudaStream_t)>& body) {
  body(main_);
  if (profiling_) profile_.emplace_back(name, body);
}

// Forks: the side stream continues from what the main stream has queued so far.
template <typename T>
void GpuEngine<T>::DoAside(const char* name, const std::function<void(cudaStream_t)>& body) {
  cudaEvent_t fork = events_[events_used_++ % events_.size()];
  cudaEventRecord(fork, main_);
  cudaStreamWaitEvent(side_, fork, 0);
  body(side_);
  if (profiling_) profile_.emplace_back(name, body);
}

template <typename T>
void GpuEngine<T>::Multiply(const Gemm& gemm, const void* left, const void* right, const void* add,
                            void* output, cudaStream_t stream) {
  const cublasStatus_t status =
      gemm.Run(left, right, add, output, at_->workspace[stream == side_ ? 1 : 0], stream);
  if (status != CUBLAS_STATUS_SUCCESS) cublas_status_ = status;
}

template <typename T>
bool GpuEngine<T>::SwiGluInProducts() const {
  const size_t gate_up_bytes = size_t{4} * job_.shape.ffn_hidden * stack_.runs * stack_.rows_per_run;
  return job_.shape.d_model == kSwiGluProductsWidth && gate_up_bytes > kSwiGluCachedBytes;
}

template <typename T>
void GpuEngine<T>::QueueSwiGlu(const typename Buffers<T>::Layer& x, const LayerOffsets& w) {
  Buffers<T>& b = *at_;
  const int f = job_.shape.ffn_hidden;
  if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    if (SwiGluInProducts()) {
      Do("gate_up_swiglu", [=, this, &b](cudaStream_t s) {
        GateUpSwiGlu(x.normed2, b.low + w.gate_up, stack_, f, x.gate_up, x.product, s);
      });
      return;
    }
  }
  Do("gate_up", [=, this, &b](cudaStream_t s) {
    Multiply(*gate_up_.forward, x.normed2, b.low + w.gate_up, nullptr, x.gate_up, s);
  });
  Do("swiglu", [=, this](cudaStream_t s) { SwiGlu<T>(x.gate_up, stack_, f, x.product, s); });
}

template <typename T>
void GpuEngine<T>::QueueSwiGluBackward(const T* dx, const typename Buffers<T>::Layer& x,
                                       const LayerOffsets& w) {
  Buffers<T>& b = *at_;
  const int f = job_.shape.ffn_hidden;
  if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    if (SwiGluInProducts()) {
      Do("down_x_swiglu",
         [=, this, &b](cudaStream_t s) { DownSwiGluBackward(dx, b.low + w.down, stack_, f, x.gate_up, s); });
      return;
    }
  }
  Do("down_x", [=, this, &b](cudaStream_t s) {
    Multiply(*down_.backward_input, dx, b.low + w.down, nullptr, b.dproduct, s);
  });
  Do("swiglu_back",
     [=, this, &b](cudaStream_t s) { SwiGluBackward<T>(b.dproduct, stack_, f, x.gate_up, s); });
}

template <typename T>
void GpuEngine<T>::QueueForward(bool validation, bool gradient, int first_row, int last_row) {
  const int d = job_.shape.d_model;
  const int t = job_.shape.sequence_length;
  Buffers<T>& b = *at_;
  Do("batch", [=, this, &b](cudaStream_t s) {
    LoadBatch(source_, validation, stack_, b.constants, b.state, b.inputs, b.targets, s);
  });
  Do("embed", [=, this, &b](cudaStream_t s) {
    Embed<T>(b.low + layout_.embedding, b.inputs, stack_, d, b.layers[0].input, s);
  });
  for (int l = 0; l < job_.shape.layers; ++l) {
    const auto& x = b.layers[l];
    const LayerOffsets& w = layout_.layers[l];
    T* next = l + 1 < job_.shape.layers ? b.layers[l + 1].input : b.output;
    Do("norm", [=, this, &b](cudaStream_t s) {
      RmsNorm<T>(x.input, b.low + w.attention_norm, stack_, d, x.normed1, x.inverse1, s);
    });
    Do("qkv", [=, this, &b](cudaStream_t s) {
      Multiply(*qkv_.forward, x.normed1, b.low + w.qkv, nullptr, x.qkv, s);
    });
    Do("rotate", [=, this, &b](cudaStream_t s) { Rotate<T>(b.rotary, stack_, d, t, false, x.qkv, s); });
    Do("attention",
       [=, this](cudaStream_t s) { Attention<T>(x.qkv, stack_, d, t, x.attended, x.log_sum, s); });
    Do("attention_output", [=, this, &b](cudaStream_t s) {
      Multiply(*attention_output_.forward, x.attended, b.low + w.attention_output, x.input, x.middle, s);
    });
    Do("norm", [=, this, &b](cudaStream_t s) {
      RmsNorm<T>(x.middle, b.low + w.mlp_norm, stack_, d, x.normed2, x.inverse2, s);
    });
    QueueSwiGlu(x, w);
    Do("down", [=, this, &b](cudaStream_t s) {
      Multiply(*down_.forward, x.product, b.low + w.down, x.middle, next, s);
    });
  }
  Do("norm", [=, this, &b](cudaStream_t s) {
    RmsNorm<T>(b.output, b.low + layout_.final_norm, stack_, d, b.normed, b.inverse, s);
  });
  Do("head", [=, this, &b](cudaStream_t s) {
    Multiply(*head_.forward, b.normed, b.low + layout_.head, nullptr, b.logits, s);
  });
  Do("cross_entropy", [=, this, &b](cudaStream_t s) {
    CrossEntropy<T>(b.targets, stack_, job_.shape.vocab, gradient, first_row, last_row, b.logits, b.loss, s);
  });
}

// Block `layer`, the `turn`-th of the backward pass: gradients go from dx[2 turn] to dx[2 turn + 2].
template <typename T>
void GpuEngine<T>::QueueBlockBackward(int layer, int turn) {
  const int d = job_.shape.d_model;
  const int t = job_.shape.sequence_length;
  Buffers<T>& b = *at_;
  const auto& x = b.layers[layer];
  const LayerOffsets& w = layout_.layers[layer];
  T* dx = b.dx[2 * turn % 6];
  T* dmiddle = b.dx[(2 * turn + 1) % 6];
  T* dinput = b.dx[(2 * turn + 2) % 6];
  T* dqkv = b.dqkv[turn % 2];
  const size_t norm_part = static_cast<size_t>(stack_.runs) * NormPartials(stack_, d) * d;
  // The buffers written below were last read by the weight products of two turns ago.
  if (turn >= 2) cudaStreamWaitEvent(main_, layer_done_[turn - 2], 0);

  DoAside("down_w", [=, this, &b](cudaStream_t s) {
    Multiply(*down_.backward_weight, dx, x.product, nullptr, b.gradient + w.down, s);
  });
  QueueSwiGluBackward(dx, x, w);
  DoAside("gate_up_w", [=, this, &b](cudaStream_t s) {
    Multiply(*gate_up_.backward_weight, x.gate_up, x.normed2, nullptr, b.gradient + w.gate_up, s);
  });
  Do("gate_up_x", [=, this, &b](cudaStream_t s) {
    Multiply(*gate_up_.backward_input, x.gate_up, b.low + w.gate_up, nullptr, b.dnormed, s);
  });
  Do("norm_back", [=, this, &b](cudaStream_t s) {
    RmsNormBackward<T>(b.dnormed, x.middle, b.low + w.mlp_norm, x.inverse2, dx, stack_, d, dmiddle,
                       b.dgain + (2 * layer + 1) * norm_part, s);
  });
  DoAside("attention_output_w", [=, this, &b](cudaStream_t s) {
    Multiply(*attention_output_.backward_weight, dmiddle, x.attended, nullptr,
             b.gradient + w.attention_output, s);
  });
  Do("attention_output_x", [=, this, &b](cudaStream_t s) {
    Multiply(*attention_output_.backward_input, dmiddle, b.low + w.attention_output, nullptr, b.dattended, s);
  });
  Do("attention_back", [=, this, &b](cudaStream_t s) {
    AttentionBackward<T>(b.dattended, x.attended, x.qkv, x.log_sum, b.rotary, stack_, d, t, b.delta, dqkv, s);
  });
  DoAside("qkv_w", [=, this, &b](cudaStream_t s) {
    Multiply(*qkv_.backward_weight, dqkv, x.normed1, nullptr, b.gradient + w.qkv, s);
  });
  cudaEventRecord(layer_done_[turn], side_);
  Do("qkv_x", [=, this, &b](cudaStream_t s) {
    Multiply(*qkv_.backward_input, dqkv, b.low + w.qkv, nullptr, b.dnormed, s);
  });
  Do("norm_back", [=, this, &b](cudaStream_t s) {
    RmsNormBackward<T>(b.dnormed, x.input, b.low + w.attention_norm, x.inverse1, dmiddle, stack_, d, dinput,
                       b.dgain + 2 * layer * norm_part, s);
  });
}

template <typename T>
void GpuEngine<T>::QueueBackward() {
  const int d = job_.shape.d_model;
  const int layers = job_.shape.layers;
  Buffers<T>& b = *at_;
  const int parts = NormPartials(stack_, d);
  events_used_ = 0;
  DoAside("head_w", [=, this, &b](cudaStream_t s) {
    Multiply(*head_.backward_weight, b.logits, b.normed, nullptr, b.gradient + layout_.head, s);
  });
  Do("head_x", [=, this, &b](cudaStream_t s) {
    Multiply(*head_.backward_input, b.logits, b.low + layout_.head, nullptr, b.dnormed, s);
  });
  Do("norm_back", [=, this, &b](cudaStream_t s) {
    RmsNormBackward<T>(b.dnormed, b.output, b.low + layout_.final_norm, b.inverse, nullptr, stack_, d,
                       b.dx[0], b.dgain + static_cast<size_t>(2 * layers) * stack_.runs * parts * d, s);
  });
  for (int turn = 0; turn < layers; ++turn) QueueBlockBackward(layers - 1 - turn, turn);
  DoAside("gains", [=, this, &b](cudaStream_t s) {
    ReduceGains(b.dgain, b.gain_offsets, 2 * layers + 1, parts, stack_, d, b.gradient, s);
  });
  Do("embed_back", [=, this, &b](cudaStream_t s) {
    EmbedBackward<T>(b.dx[2 * layers % 6], b.inputs, stack_, job_.shape.vocab, d, EmbedSplits(job_),
                     b.dembedding, b.gradient + layout_.embedding, s);
  });
  cudaEventRecord(layer_done_[layers], side_);
  cudaStreamWaitEvent(main_, layer_done_[layers], 0);
}

template <typename T>
void GpuEngine<T>::QueueStep() {
  Buffers<T>& b = *at_;
  QueueForward(false, true, 0, stack_.rows_per_run);
  QueueBackward();
  Do("finish", [=, this, &b](cudaStream_t s) {
    FinishGradient(optimizer_, b.constants, stack_, b.gradient, b.loss, b.partial, b.arrivals, b.state,
                   b.train_loss, b.gradient_norm, nullptr, s);
  });
  Do("adamw", [=, this, &b](cudaStream_t s) {
    AdamW<T>(optimizer_, b.constants, b.state, stack_, b.decays, b.gradient, b.weights, b.first_moment,
             b.second_moment, b.low, s);
  });
}

template <typename T>
void GpuEngine<T>::QueueValidationBatch() {
  QueueForward(true, false, 0, stack_.rows_per_run);
  AddValidationLoss(source_, stack_, at_->loss, at_->state, main_);
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
    absl::StatusOr<cudaGraphExec_t> graph = Capture([&] {
      for (int i = 0; i < kRepeats; ++i) run(main_);
    });
    if (!graph.ok()) return graph.status();
    cudaGraphLaunch(*graph, main_);
    cudaEventRecord(begin, main_);
    cudaGraphLaunch(*graph, main_);
    cudaEventRecord(end, main_);
    SEXTANT_RETURN_IF_ERROR(Finish("profiling"));
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, begin, end);
    entry->second.first = milliseconds / kRepeats;
    cudaGraphExecDestroy(*graph);
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
