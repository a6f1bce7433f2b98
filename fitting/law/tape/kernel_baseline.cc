// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 2
#define SEXTANT_KERNELS kBaselineKernels
#include "fitting/law/tape/kernel_level.inc"
