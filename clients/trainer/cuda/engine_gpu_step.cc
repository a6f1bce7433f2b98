// SPDX-License-Identifier: Apache-2.0
// The operations of a step, in the order in which they are queued.
#include <type_traits>

#include "clients/trainer/cuda/engine_gpu.h"

namespace sextant::trainer::cuda {

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

template void GpuEngine<float>::QueueForward(bool, bool, int, int);
template void GpuEngine<float>::QueueBackward();
template void GpuEngine<float>::QueueStep();
template void GpuEngine<float>::QueueValidationBatch();
template void GpuEngine<__nv_bfloat16>::QueueForward(bool, bool, int, int);
template void GpuEngine<__nv_bfloat16>::QueueBackward();
template void GpuEngine<__nv_bfloat16>::QueueStep();
template void GpuEngine<__nv_bfloat16>::QueueValidationBatch();

}  // namespace sextant::trainer::cuda
