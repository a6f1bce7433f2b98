// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 4
#define SEXTANT_KERNELS kAvx2Kernels
#include "fitting/law/tape/kernel_level.inc"
