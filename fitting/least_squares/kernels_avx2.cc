// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 4
#define SEXTANT_LEVEL AccumulateAvx2
#include "fitting/least_squares/kernels_level.inc"
