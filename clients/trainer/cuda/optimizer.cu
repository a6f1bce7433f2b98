// SPDX-License-Identifier: Apache-2.0
// Gradient norm, clip, schedule, log and AdamW for K stacked runs.
#include "clients/trainer/cuda/device_util.cuh"
#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/model/random.h"

namespace sextant::trainer::cuda {
namespace {

constexpr int kThreads = 256;

__device__ double2 BlockSum(double2 v) {
  __shared__ double2 sums[kThreads / 32];
  v.x = WarpSum(v.x);
  v.y = WarpSum(v.y);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = v;
  __syncthreads();
  v = make_double2(0, 0);
  for (const double2& sum : sums) {
    v.x += sum.x;
    v.y += sum.y;
  }
  __syncthreads();
  return v;
}

// One thread turns a run's squared norm and loss into the next update's numbers and the log's entries.
__device__ void FinishRun(const OptimizerConstants& constants, const RunConstants& run, int index,
                          double squared, double loss, RunState* state, float* train_loss,
                          float* gradient_norm) {
  const double norm = sqrt(squared);
  const int64_t step = state->step;
  const int diverged = state->diverged != 0 || !isfinite(norm) || !isfinite(loss);
  state->diverged = diverged;
  state->clip = norm > constants.clip_norm ? static_cast<float>(constants.clip_norm / norm) : 1.0F;
  state->rate = static_cast<float>(run.learning_rate * ScheduleFactor(constants.schedule, step));
  state->bias1 = static_cast<float>(1 / (1 - pow(static_cast<double>(constants.beta1), step + 1.0)));
  state->bias2 = static_cast<float>(1 / (1 - pow(static_cast<double>(constants.beta2), step + 1.0)));
  const int64_t at = index * constants.schedule.steps + step;
  if (step < constants.schedule.steps) {
    train_loss[at] = diverged != 0 ? nanf("") : static_cast<float>(loss);
    gradient_norm[at] = diverged != 0 ? nanf("") : static_cast<float>(norm);
  }
  state->step = step + 1;
}

__global__ void __launch_bounds__(kThreads)
    FinishGradientKernel(OptimizerConstants constants, const RunConstants* runs, Stack stack,
                         const float* gradient, const float* loss, double2* partial, unsigned* arrivals,
                         RunState* state, float* train_loss, float* gradient_norm, double* squared_norm) {
  const int run = blockIdx.y;
  const size_t first = blockIdx.x * static_cast<size_t>(kThreads) + threadIdx.x;
  constexpr size_t kStep = static_cast<size_t>(kReduceBlocks) * kThreads;
  double2 sum = make_double2(0, 0);
  const float4* from = reinterpret_cast<const float4*>(gradient + run * stack.parameter_stride);
  for (size_t i = first; i < stack.parameter_stride / 4; i += kStep) {
    const float4 g = from[i];
    sum.x += static_cast<double>(g.x * g.x + g.y * g.y + g.z * g.z + g.w * g.w);
  }
  for (size_t i = first; i < static_cast<size_t>(stack.rows_per_run); i += kStep) {
    sum.y += loss[static_cast<size_t>(run) * stack.rows_per_run + i];
  }
  sum = BlockSum(sum);
  // The last block of the run to arrive adds the parts, always in the same order.
  __shared__ bool last;
  if (threadIdx.x == 0) {
    partial[run * kReduceBlocks + blockIdx.x] = sum;
    __threadfence();
    last = atomicAdd(&arrivals[run], 1U) == kReduceBlocks - 1;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  sum = make_double2(0, 0);
  if (threadIdx.x < kReduceBlocks) {
    sum.x = __ldcg(&partial[run * kReduceBlocks + threadIdx.x].x);
    sum.y = __ldcg(&partial[run * kReduceBlocks + threadIdx.x].y);
  }
  sum = BlockSum(sum);
  if (threadIdx.x != 0) return;
  arrivals[run] = 0;
  if (squared_norm != nullptr) {
    squared_norm[run] = sum.x;
  } else {
    FinishRun(constants, runs[run], run, sum.x, sum.y / stack.rows_per_run, &state[run], train_loss,
              gradient_norm);
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    AdamWKernel(OptimizerConstants constants, const RunConstants* runs, const RunState* state, Stack stack,
                const uint8_t* decays, const float* gradient, float* weights, float* first_moment,
                float* second_moment, T* low) {
  const size_t group = blockIdx.x * static_cast<size_t>(kThreads) + threadIdx.x;
  const RunState& run = state[blockIdx.y];
  if (group >= stack.parameter_stride / 8 || run.diverged != 0) return;
  const size_t at = blockIdx.y * stack.parameter_stride + group * 8;
  const float shrink = decays[group] != 0 ? 1 - run.rate * runs[blockIdx.y].weight_decay : 1.0F;
  const Vec8 g = Load8(gradient + at);
  Vec8 m = Load8(first_moment + at);
  Vec8 v = Load8(second_moment + at);
  Vec8 w = Load8(weights + at);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const float clipped = g.at[i] * run.clip;
    m.at[i] = constants.beta1 * m.at[i] + (1 - constants.beta1) * clipped;
    v.at[i] = constants.beta2 * v.at[i] + (1 - constants.beta2) * clipped * clipped;
    w.at[i] = w.at[i] * shrink -
              run.rate * (m.at[i] * run.bias1) / (sqrtf(v.at[i] * run.bias2) + constants.epsilon);
  }
  Store8(first_moment + at, m);
  Store8(second_moment + at, v);
  Store8(weights + at, w);
  Store8(low + at, w);
}

template <typename T>
__global__ void InitializeKernel(const RunConstants* runs, Stack stack, size_t offset, size_t count,
                                 float spread, float* weights, T* low) {
  const size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
  if (i >= count) return;
  const size_t at = blockIdx.y * stack.parameter_stride + offset + i;
  const float value = spread == 0 ? 1.0F : spread * NormalAt(runs[blockIdx.y].seed, offset + i);
  weights[at] = value;
  low[at] = static_cast<T>(value);
}

template <typename T>
__global__ void RoundKernel(const float* weights, size_t count, T* low) {
  const size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
  if (i < count) low[i] = static_cast<T>(weights[i]);
}

unsigned Blocks(size_t count) { return static_cast<unsigned>((count + kThreads - 1) / kThreads); }

}  // namespace

void FinishGradient(const OptimizerConstants& constants, const RunConstants* runs, const Stack& stack,
                    const float* gradient, const float* loss, double2* partial, unsigned* arrivals,
                    RunState* state, float* train_loss, float* gradient_norm, double* squared_norm,
                    cudaStream_t stream) {
  FinishGradientKernel<<<dim3(kReduceBlocks, stack.runs), kThreads, 0, stream>>>(
      constants, runs, stack, gradient, loss, partial, arrivals, state, train_loss, gradient_norm,
      squared_norm);
}

template <typename T>
void AdamW(const OptimizerConstants& constants, const RunConstants* runs, const RunState* state,
           const Stack& stack, const uint8_t* decays, const float* gradient, float* weights,
           float* first_moment, float* second_moment, T* low, cudaStream_t stream) {
  AdamWKernel<T><<<dim3(Blocks(stack.parameter_stride / 8), stack.runs), kThreads, 0, stream>>>(
      constants, runs, state, stack, decays, gradient, weights, first_moment, second_moment, low);
}

template <typename T>
void Initialize(const RunConstants* runs, const Stack& stack, size_t offset, size_t count, float spread,
                float* weights, T* low, cudaStream_t stream) {
  InitializeKernel<T><<<dim3(Blocks(count), stack.runs), kThreads, 0, stream>>>(runs, stack, offset, count,
                                                                                spread, weights, low);
}

template <typename T>
void Round(const float* weights, size_t count, T* low, cudaStream_t stream) {
  RoundKernel<T><<<Blocks(count), kThreads, 0, stream>>>(weights, count, low);
}

template void AdamW(const OptimizerConstants&, const RunConstants*, const RunState*, const Stack&,
                    const uint8_t*, const float*, float*, float*, float*, float*, cudaStream_t);
template void AdamW(const OptimizerConstants&, const RunConstants*, const RunState*, const Stack&,
                    const uint8_t*, const float*, float*, float*, float*, bf16*, cudaStream_t);
template void Initialize(const RunConstants*, const Stack&, size_t, size_t, float, float*, float*,
                         cudaStream_t);
template void Initialize(const RunConstants*, const Stack&, size_t, size_t, float, float*, bf16*,
                         cudaStream_t);
template void Round(const float*, size_t, float*, cudaStream_t);
template void Round(const float*, size_t, bf16*, cudaStream_t);

}  // namespace sextant::trainer::cuda
