// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 4
#define SEXTANT_HAND_KERNEL kHandAvx2
#include "law_evaluation_hand.inc"
