// SPDX-License-Identifier: Apache-2.0
// Losses of finished runs against N and D: public sets in ../shared/data and this project's sweeps.
#ifndef SEXTANT_TESTS_BENCH_LOSS_SETS_H_
#define SEXTANT_TESTS_BENCH_LOSS_SETS_H_

#include <string>
#include <vector>

#include "fitting/least_squares/law_data.h"

namespace sextant::bench {

struct LossSet {
  std::string name;
  fitting::LawData data;  // columns N, D; one row an (N, D): the lowest loss there
};

// Files that are missing give no sets, and sets of fewer than 15 rows are left out.
std::vector<LossSet> LossSets();

}  // namespace sextant::bench

#endif  // SEXTANT_TESTS_BENCH_LOSS_SETS_H_
