// SPDX-License-Identifier: Apache-2.0
#define SEXTANT_LANES 2
#define SEXTANT_HAND_KERNEL kHandBaseline
#include "law_evaluation_hand.inc"
