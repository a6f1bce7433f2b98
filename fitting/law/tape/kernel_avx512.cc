// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 8
#define SEXTANT_KERNELS kAvx512Kernels
#include "fitting/law/tape/kernel_level.inc"
