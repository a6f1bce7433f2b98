// SPDX-License-Identifier: Apache-2.0
// RMSNorm and its gradient. A group of lanes owns a row, eight columns a lane and turn.
#include "clients/trainer/cuda/device_util.cuh"
#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/model/shape_constants.h"

namespace sextant::trainer::cuda {
namespace {

constexpr int kThreads = 256;

template <typename T, int Lanes, int Turns>
__global__ void __launch_bounds__(kThreads)
    RmsNormKernel(const T* x, const T* gain, Stack stack, T* y, float* inverse_rms) {
  constexpr int kWidth = Lanes * Turns * 8;
  const int lane = threadIdx.x % Lanes;
  const int in_run = blockIdx.x * (kThreads / Lanes) + threadIdx.x / Lanes;
  const bool valid = in_run < stack.rows_per_run;
  const size_t row = static_cast<size_t>(blockIdx.y) * stack.rows_per_run + (valid ? in_run : 0);
  gain += blockIdx.y * stack.parameter_stride;
  Vec8 values[Turns];
  float sum = 0;
#pragma unroll
  for (int turn = 0; turn < Turns; ++turn) {
    values[turn] = Load8(x + row * kWidth + (turn * Lanes + lane) * 8);
#pragma unroll
    for (int i = 0; i < 8; ++i) sum += values[turn].at[i] * values[turn].at[i];
  }
  const float inverse = rsqrtf(GroupSum<Lanes>(sum) / kWidth + kNormEpsilon);
  if (!valid) return;
#pragma unroll
  for (int turn = 0; turn < Turns; ++turn) {
    const int column = (turn * Lanes + lane) * 8;
    const Vec8 scale = Load8(gain + column);
#pragma unroll
    for (int i = 0; i < 8; ++i) values[turn].at[i] *= inverse * scale.at[i];
    Store8(y + row * kWidth + column, values[turn]);
  }
  if (lane == 0) inverse_rms[row] = inverse;
}

template <typename T, int Lanes, int Turns>
__global__ void __launch_bounds__(kThreads)
    RmsNormBackwardKernel(const T* dy, const T* x, const T* gain, const float* inverse_rms, const T* dx_in,
                          Stack stack, T* dx_out, float* dgain_partial) {
  constexpr int kWidth = Lanes * Turns * 8;
  constexpr int kGroups = kThreads / Lanes;
  const int lane = threadIdx.x % Lanes;
  const int group = threadIdx.x / Lanes;
  gain += blockIdx.y * stack.parameter_stride;
  float dgain[Turns][8] = {};
  // Every thread of a warp makes the same number of turns, because the groups of a warp shuffle together.
  for (int first = blockIdx.x * kGroups; first < stack.rows_per_run; first += gridDim.x * kGroups) {
    const bool valid = first + group < stack.rows_per_run;
    const size_t row = static_cast<size_t>(blockIdx.y) * stack.rows_per_run + (valid ? first + group : first);
    const float inverse = valid ? inverse_rms[row] : 0;
    Vec8 scaled[Turns];
    Vec8 input[Turns];
    float projection = 0;
#pragma unroll
    for (int turn = 0; turn < Turns; ++turn) {
      const int column = (turn * Lanes + lane) * 8;
      scaled[turn] = Load8(dy + row * kWidth + column);
      input[turn] = Load8(x + row * kWidth + column);
      const Vec8 scale = Load8(gain + column);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        dgain[turn][i] += scaled[turn].at[i] * input[turn].at[i] * inverse;
        scaled[turn].at[i] *= scale.at[i];
        projection += scaled[turn].at[i] * input[turn].at[i];
      }
    }
    projection = GroupSum<Lanes>(projection) * inverse * inverse / kWidth;
    if (valid) {
#pragma unroll
      for (int turn = 0; turn < Turns; ++turn) {
        const size_t at = row * kWidth + (turn * Lanes + lane) * 8;
        Vec8 out = {};
        if (dx_in != nullptr) out = Load8(dx_in + at);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          out.at[i] += inverse * (scaled[turn].at[i] - input[turn].at[i] * projection);
        }
        Store8(dx_out + at, out);
      }
    }
  }
  // The block's groups add their parts in shared memory, group after group: a fixed order.
  __shared__ float sums[kWidth];
  for (int turn_group = 0; turn_group < kGroups; ++turn_group) {
    __syncthreads();
    if (group == turn_group) {
#pragma unroll
      for (int turn = 0; turn < Turns; ++turn) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          float& sum = sums[(turn * Lanes + lane) * 8 + i];
          sum = (turn_group == 0 ? 0 : sum) + dgain[turn][i];
        }
      }
    }
  }
  __syncthreads();
  float* out = dgain_partial + (static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x) * kWidth;
  for (int i = threadIdx.x; i < kWidth; i += kThreads) out[i] = sums[i];
}

__global__ void ReduceGainsKernel(const float* partial, const size_t* offsets, int parts, Stack stack, int d,
                                  float* gradient) {
  const int which = blockIdx.x;
  const int run = blockIdx.y;
  const int column = blockIdx.z * 32 + threadIdx.x;
  const float* from = partial + (static_cast<size_t>(which) * stack.runs + run) * parts * d + column;
  __shared__ float sums[8][32];
  float sum = 0;
  for (int part = threadIdx.y; part < parts; part += 8) sum += from[static_cast<size_t>(part) * d];
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0) return;
  for (int i = 1; i < 8; ++i) sum += sums[i][threadIdx.x];
  gradient[run * stack.parameter_stride + offsets[which] + column] = sum;
}

// Calls body.operator()<Lanes, Turns>() for width d, a multiple of 64 up to 2048.
template <typename Body>
void ForWidth(int d, const Body& body) {
  const int chunks = d / 8;
  if (chunks % 32 == 0) {
    switch (chunks / 32) {
      case 1:
        return body.template operator()<32, 1>();
      case 2:
        return body.template operator()<32, 2>();
      case 3:
        return body.template operator()<32, 3>();
      case 4:
        return body.template operator()<32, 4>();
      case 5:
        return body.template operator()<32, 5>();
      case 6:
        return body.template operator()<32, 6>();
      case 7:
        return body.template operator()<32, 7>();
      default:
        return body.template operator()<32, 8>();
    }
  }
  if (chunks % 16 == 0) {
    switch (chunks / 16) {
      case 1:
        return body.template operator()<16, 1>();
      case 3:
        return body.template operator()<16, 3>();
      case 5:
        return body.template operator()<16, 5>();
      case 7:
        return body.template operator()<16, 7>();
      case 9:
        return body.template operator()<16, 9>();
      case 11:
        return body.template operator()<16, 11>();
      case 13:
        return body.template operator()<16, 13>();
      default:
        return body.template operator()<16, 15>();
    }
  }
  switch (chunks / 8) {
    case 1:
      return body.template operator()<8, 1>();
    case 3:
      return body.template operator()<8, 3>();
    case 5:
      return body.template operator()<8, 5>();
    case 7:
      return body.template operator()<8, 7>();
    case 9:
      return body.template operator()<8, 9>();
    case 11:
      return body.template operator()<8, 11>();
    case 13:
      return body.template operator()<8, 13>();
    case 15:
      return body.template operator()<8, 15>();
    default:
      return;
  }
}

int LanesFor(int d) { return d / 8 % 32 == 0 ? 32 : d / 8 % 16 == 0 ? 16 : 8; }

}  // namespace

int NormPartials(const Stack& stack, int d) {
  const int rows_a_block = kThreads / LanesFor(d);
  const int blocks = (stack.rows_per_run + rows_a_block - 1) / rows_a_block;
  const int wanted = (132 * 6 + stack.runs - 1) / stack.runs;
  return blocks < wanted ? blocks : wanted;
}

template <typename T>
void RmsNorm(const T* x, const T* gain, const Stack& stack, int d, T* y, float* inverse_rms,
             cudaStream_t stream) {
  const int rows_a_block = kThreads / LanesFor(d);
  const dim3 grid((stack.rows_per_run + rows_a_block - 1) / rows_a_block, stack.runs);
  ForWidth(d, [&]<int Lanes, int Turns>() {
    RmsNormKernel<T, Lanes, Turns><<<grid, kThreads, 0, stream>>>(x, gain, stack, y, inverse_rms);
  });
}

template <typename T>
void RmsNormBackward(const T* dy, const T* x, const T* gain, const float* inverse_rms, const T* dx_in,
                     const Stack& stack, int d, T* dx_out, float* dgain_partial, cudaStream_t stream) {
  const dim3 grid(NormPartials(stack, d), stack.runs);
  ForWidth(d, [&]<int Lanes, int Turns>() {
    RmsNormBackwardKernel<T, Lanes, Turns>
        <<<grid, kThreads, 0, stream>>>(dy, x, gain, inverse_rms, dx_in, stack, dx_out, dgain_partial);
  });
}

void ReduceGains(const float* partial, const size_t* offsets, int count, int parts, const Stack& stack, int d,
                 float* gradient, cudaStream_t stream) {
  ReduceGainsKernel<<<dim3(count, stack.runs, d / 32), dim3(32, 8), 0, stream>>>(partial, offsets, parts,
                                                                                 stack, d, gradient);
}

template void RmsNorm(const float*, const float*, const Stack&, int, float*, float*, cudaStream_t);
template void RmsNorm(const bf16*, const bf16*, const Stack&, int, bf16*, float*, cudaStream_t);
template void RmsNormBackward(const float*, const float*, const float*, const float*, const float*,
                              const Stack&, int, float*, float*, cudaStream_t);
template void RmsNormBackward(const bf16*, const bf16*, const bf16*, const float*, const bf16*, const Stack&,
                              int, bf16*, float*, cudaStream_t);

}  // namespace sextant::trainer::cuda
