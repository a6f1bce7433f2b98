// SPDX-License-Identifier: Apache-2.0
// Where everything of a fused job lies in one device allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/engine/engine.h"

namespace sextant::trainer::cuda {

// Hands out aligned pieces of a slab; with a null base it only counts.
class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<char*>(base)) {}
  template <typename T>
  T* Take(size_t count) {
    const size_t at = used_;
    used_ += (count * sizeof(T) + 255) / 256 * 256;
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + at);
  }
  size_t used() const { return used_; }

 private:
  char* base_;
  size_t used_ = 0;
};

// M = runs x rows_per_run, P = parameter count, f = ffn_hidden. T is the compute type.
template <typename T>
struct Buffers {
  struct Layer {
    T *input, *normed1, *qkv, *attended, *middle, *normed2, *gate_up, *product;  // widths d d 3d d d d 2f f
    float *inverse1, *inverse2, *log_sum;                                        // [M], [M], [M, heads]
  };

  Buffers(const FusedJob& job, Arena* arena);

  float *weights, *gradient, *first_moment, *second_moment;  // [runs, P]
  T* low;                                                    // [runs, P]
  uint8_t* decays;                                           // [P / 8]
  size_t* gain_offsets;                                      // [2 layers + 1]
  uint16_t *inputs, *targets;                                // [M]
  std::vector<Layer> layers;
  T *output, *normed, *logits;  // [M, d], [M, d], [M, vocab]
  float *inverse, *loss;        // [M]
  // Gradients. Weight products on the side stream may lag two layers behind, hence the copies.
  T* dx[6];                           // [M, d]
  T* dqkv[2];                         // [M, 3 d]
  T *dproduct, *dnormed, *dattended;  // [M, f], [M, d], [M, d]
  float *delta, *dgain, *dembedding;  // [M, heads], [2 layers + 1, runs, parts, d], [runs, splits, vocab, d]
  float2* rotary;                     // [sequence_length, 32]
  void* workspace[2];                 // kGemmWorkspaceBytes each, main and side stream
  RunConstants* constants;            // [runs]
  RunState* state;                    // [runs]
  double2* partial;                   // [runs, kReduceBlocks]
  unsigned* arrivals;                 // [runs]
  double* squared_norm;               // [runs]
  float *train_loss, *gradient_norm;  // [runs, steps]
};

Stack StackOf(const FusedJob& job);
int EmbedSplits(const FusedJob& job);

}  // namespace sextant::trainer::cuda
