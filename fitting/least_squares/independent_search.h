// SPDX-License-Identifier: Apache-2.0
// A second search for the optimum, by another way than the starts: what says whether there is a better one.
#pragma once

#include <absl/status/status.h>

#include <vector>

#include "fitting/least_squares/evaluator.h"
#include "fitting/least_squares/objective.h"
#include "fitting/least_squares/starts.h"

namespace sextant::fitting::solve {

/// Objectives this close, relative, are one optimum: minima at a kink are not reached more exactly.
inline constexpr double kSameKinkedOptimum = 1e-6;

struct IndependentSearch {
  std::vector<double> values;  ///< the objective that every proposal ended at
  /// How many ended at `best`, or below.
  int AtOptimum(double best) const;
};

/// Basin hopping over the minima that the starts reached (Wales and Doye 1997), with steps as wide as those
/// minima are apart and differences of two of them (Storn and Price 1997), until three rounds of proposals in
/// a row find nothing better. `search.best` takes what is better. `kinked`: the law has min or max, where
/// Newton's method may stop at a kink; the best proposals are then taken on by a simplex (Nelder and Mead
/// 1965). The answer does not depend on the number of threads.
absl::Status SearchIndependently(const Evaluator& evaluator, const Objective& objective, bool kinked,
                                 std::uint64_t seed, const StopCheck& stop, Search& search,
                                 IndependentSearch& found);

/// Lowers the objective from `best` by a simplex. Never raises it.
void ImproveBySimplex(Polisher& polisher, Polished& best);

}  // namespace sextant::fitting::solve
