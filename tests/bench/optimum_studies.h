// SPDX-License-Identifier: Apache-2.0
// Studies for judging estimators of the optimum: runs to fit, and targets whose optimum is known or measured.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fitting/run_table.h"

namespace sextant::fitting::bench {

/// Where a recommendation is judged.
struct StudyTarget {
  double params;
  double tokens;
  bool beyond;              ///< outside the range of the runs that are fitted
  Eigen::Vector2d optimum;  ///< (ln rate, ln batch); NaN on an axis that is not swept
  std::function<double(const Eigen::Vector2d&)> excess_pct;  ///< percent above the optimum's loss
  double reachable_pct = 0;  ///< excess of the best law in N and D, which no fit can know
};

struct StudyCase {
  std::string family;
  RunTable runs;
  bool rate = true, batch = true;  ///< axes that are swept
  bool identifiable = true;        ///< a refusal of these is counted
  double worst_pct = 0;            ///< of the runs tried: what a refusal is charged
  std::vector<StudyTarget> targets;
};

/// Recorded sweeps that are on this machine, split and thinned; `seeds` draws of each thinning. Names of what
/// is missing are appended to `missing`.
std::vector<StudyCase> RecordedStudies(int seeds, std::vector<std::string>& missing);

/// Random sweeps with known truth: `sweeps` of each family.
std::vector<StudyCase> SyntheticStudies(int sweeps, std::uint64_t seed);

/// The study that a family is of: a recorded sweep, or a synthetic family.
std::string StudyOf(const std::string& family);

/// Leaves one study out at a time, and prints which weights of the members (by excess loss) and which scales
/// of the form's spread (by the interval score) the others choose, and what that costs the one left out.
void PrintChoices(const std::vector<StudyCase>& cases);

/// Percent by which the worst tenth of the finished runs starts above the best of their cells, at most 100.
double WorstTriedPercent(const RunTable& runs);

}  // namespace sextant::fitting::bench
