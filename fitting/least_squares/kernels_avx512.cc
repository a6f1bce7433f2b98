// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 8
#define SEXTANT_LEVEL AccumulateAvx512
#include "fitting/least_squares/kernels_level.inc"
