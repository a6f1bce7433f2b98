// SPDX-License-Identifier: Apache-2.0
// Cross-entropy over the logits in place, a warp a row, and the held-out loss.
#include <cfloat>

#include "clients/trainer/cuda/device_util.cuh"
#include "clients/trainer/cuda/kernels.h"

namespace sextant::trainer::cuda {
namespace {

constexpr int kWarps = 8;

template <typename T>
__global__ void __launch_bounds__(kWarps * 32)
    CrossEntropyKernel(const uint16_t* targets, Stack stack, int vocab, bool gradient, int first_row,
                       int last_row, T* logits, float* loss) {
  const int lane = threadIdx.x % 32;
  const size_t row = blockIdx.x * static_cast<size_t>(kWarps) + threadIdx.x / 32;
  if (row >= static_cast<size_t>(stack.runs) * stack.rows_per_run) return;
  T* from = logits + row * vocab;
  // One pass keeps the running maximum and the sum of exponentials relative to it.
  float largest = -FLT_MAX;
  float sum = 0;
  for (int c = lane * 8; c < vocab; c += 256) {
    const Vec8 v = Load8(from + c);
    float here = largest;
#pragma unroll
    for (int i = 0; i < 8; ++i) here = fmaxf(here, v.at[i]);
    sum *= __expf(largest - here);
    largest = here;
#pragma unroll
    for (int i = 0; i < 8; ++i) sum += __expf(v.at[i] - largest);
  }
  float overall = largest;
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2)
    overall = fmaxf(overall, __shfl_xor_sync(~0U, overall, offset));
  sum = GroupSum<32>(sum * __expf(largest - overall));
  const float log_sum = overall + logf(sum);
  const int target = targets[row];
  if (lane == 0) loss[row] = log_sum - static_cast<float>(from[target]);
  if (!gradient) return;
  __syncwarp();  // lane 0 has read the target's logit before its owner overwrites it
  const int in_run = static_cast<int>(row % stack.rows_per_run);
  const float weight =
      in_run >= first_row && in_run < last_row ? 1.0F / static_cast<float>(last_row - first_row) : 0;
  for (int c = lane * 8; c < vocab; c += 256) {
    Vec8 v = Load8(from + c);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      v.at[i] = weight * (__expf(v.at[i] - log_sum) - (c + i == target ? 1.0F : 0.0F));
    }
    Store8(from + c, v);
  }
}

__global__ void AddValidationLossKernel(BatchSource source, Stack stack, const float* loss, RunState* state) {
  RunState& run = state[blockIdx.x];
  const int64_t left = source.validation_windows - run.validation_batch * source.batch_sequences;
  const int64_t rows =
      (left < source.batch_sequences ? left : source.batch_sequences) * source.sequence_length;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < rows; i += blockDim.x) {
    sum += loss[static_cast<size_t>(blockIdx.x) * stack.rows_per_run + i];
  }
  __shared__ double sums[32];
  sum = WarpSum(sum);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = WarpSum(sums[threadIdx.x]);
  if (threadIdx.x == 0) {
    run.validation_sum += sum;
    ++run.validation_batch;
  }
}

}  // namespace

template <typename T>
void CrossEntropy(const uint16_t* targets, const Stack& stack, int vocab, bool gradient, int first_row,
                  int last_row, T* logits, float* loss, cudaStream_t stream) {
  const size_t rows = static_cast<size_t>(stack.runs) * stack.rows_per_run;
  CrossEntropyKernel<T><<<static_cast<unsigned>((rows + kWarps - 1) / kWarps), kWarps * 32, 0, stream>>>(
      targets, stack, vocab, gradient, first_row, last_row, logits, loss);
}

void AddValidationLoss(const BatchSource& source, const Stack& stack, const float* loss, RunState* state,
                       cudaStream_t stream) {
  AddValidationLossKernel<<<stack.runs, 1024, 0, stream>>>(source, stack, loss, state);
}

template void CrossEntropy(const uint16_t*, const Stack&, int, bool, int, int, float*, float*, cudaStream_t);
template void CrossEntropy(const uint16_t*, const Stack&, int, bool, int, int, bf16*, float*, cudaStream_t);

}  // namespace sextant::trainer::cuda
