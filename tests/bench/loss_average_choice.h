// SPDX-License-Identifier: Apache-2.0
// The constants of loss-average, chosen by leaving each study out.
#ifndef SEXTANT_TESTS_BENCH_LOSS_AVERAGE_CHOICE_H_
#define SEXTANT_TESTS_BENCH_LOSS_AVERAGE_CHOICE_H_

#include <memory>
#include <vector>

#include "fitting/law/law.h"
#include "tests/bench/loss_sets.h"

namespace sextant::bench {

// Tries every combination of constants on every set, and on every set without its largest fifth: all laws are
// fitted to the lower four fifths by scale, averaged, and the rest is predicted. Prints what each constant
// costs beside the others as shipped, and what the combination of least error in the other studies costs in
// the study left out.
void PrintAverageChoices(const std::vector<LossSet>& sets,
                         const std::vector<std::shared_ptr<const fitting::Law>>& laws);

}  // namespace sextant::bench

#endif  // SEXTANT_TESTS_BENCH_LOSS_AVERAGE_CHOICE_H_
