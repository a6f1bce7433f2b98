// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 8
#define SEXTANT_HAND_KERNEL kHandAvx512
#include "law_evaluation_hand.inc"
