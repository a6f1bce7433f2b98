#define SEXTANT_LANES 2
#define SEXTANT_KERNELS kBaselineKernels
#include "fitting/law/tape/kernel_level.inc"
