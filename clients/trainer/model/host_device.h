// SPDX-License-Identifier: Apache-2.0
// Marks small pure functions that the CPU reference and the CUDA kernels share, so that both compute the
// same.
#pragma once

#ifdef __CUDACC__
#define SEXTANT_HOST_DEVICE __host__ __device__
#else
#define SEXTANT_HOST_DEVICE
#endif
