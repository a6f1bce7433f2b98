// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/cuda/buffers.h"

#include <algorithm>

#include "clients/trainer/cuda/gemm.h"

namespace sextant::trainer::cuda {

Stack StackOf(const FusedJob& job) {
  return {static_cast<int>(job.runs.size()), job.batch_sequences * job.shape.sequence_length,
          ParameterLayout(job.shape).size};
}

// Enough parts to fill the chip about four times over, none shorter than 256 rows.
int EmbedSplits(const FusedJob& job) {
  const int tiles =
      (job.shape.vocab + 63) / 64 * (job.shape.d_model / 64) * static_cast<int>(job.runs.size());
  const int rows = job.batch_sequences * job.shape.sequence_length;
  return std::clamp(528 / tiles, 1, std::max(1, rows / 256));
}

template <typename T>
Buffers<T>::Buffers(const FusedJob& job, Arena* arena) : layers(job.shape.layers) {
  const Stack stack = StackOf(job);
  const size_t runs = stack.runs;
  const size_t m = runs * stack.rows_per_run;
  const size_t all = runs * stack.parameter_stride;
  const size_t d = job.shape.d_model;
  const size_t f = job.shape.ffn_hidden;
  const size_t heads = job.shape.heads();
  const size_t gains = 2 * layers.size() + 1;
  for (float** of : {&weights, &gradient, &first_moment, &second_moment}) *of = arena->Take<float>(all);
  low = arena->Take<T>(all);
  decays = arena->Take<uint8_t>(stack.parameter_stride / 8);
  gain_offsets = arena->Take<size_t>(gains);
  inputs = arena->Take<uint16_t>(m);
  targets = arena->Take<uint16_t>(m);
  for (Layer& layer : layers) {
    for (T** of : {&layer.input, &layer.normed1, &layer.attended, &layer.middle, &layer.normed2}) {
      *of = arena->Take<T>(m * d);
    }
    layer.qkv = arena->Take<T>(m * 3 * d);
    layer.gate_up = arena->Take<T>(m * 2 * f);
    layer.product = arena->Take<T>(m * f);
    layer.inverse1 = arena->Take<float>(m);
    layer.inverse2 = arena->Take<float>(m);
    layer.log_sum = arena->Take<float>(m * heads);
  }
  output = arena->Take<T>(m * d);
  normed = arena->Take<T>(m * d);
  logits = arena->Take<T>(m * job.shape.vocab);
  inverse = arena->Take<float>(m);
  loss = arena->Take<float>(m);
  for (T*& of : dx) of = arena->Take<T>(m * d);
  for (T*& of : dqkv) of = arena->Take<T>(m * 3 * d);
  dproduct = arena->Take<T>(m * f);
  dnormed = arena->Take<T>(m * d);
  dattended = arena->Take<T>(m * d);
  delta = arena->Take<float>(m * heads);
  dgain = arena->Take<float>(gains * runs * NormPartials(stack, job.shape.d_model) * d);
  dembedding = arena->Take<float>(runs * EmbedSplits(job) * job.shape.vocab * d);
  rotary = arena->Take<float2>(static_cast<size_t>(job.shape.sequence_length) * 32);
  for (void*& of : workspace) of = arena->Take<char>(kGemmWorkspaceBytes);
  constants = arena->Take<RunConstants>(runs);
  state = arena->Take<RunState>(runs);
  partial = arena->Take<double2>(runs * kReduceBlocks);
  arrivals = arena->Take<unsigned>(runs);
  squared_norm = arena->Take<double>(runs);
  train_loss = arena->Take<float>(runs * job.schedule.steps);
  gradient_norm = arena->Take<float>(runs * job.schedule.steps);
}

template struct Buffers<float>;
template struct Buffers<__nv_bfloat16>;

}  // namespace sextant::trainer::cuda
