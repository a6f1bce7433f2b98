// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 2
#define SEXTANT_LEVEL AccumulateSse2
#include "fitting/least_squares/kernels_level.inc"
