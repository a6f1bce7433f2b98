// SPDX-License-Identifier: Apache-2.0
// The optimal rate and batch at a target from published laws, corrected by however few runs a study has.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "fitting/design/belief_space.h"
#include "fitting/design/prior_laws.h"

namespace sextant::fitting::design {

/// One run of a sweep of rate and batch. A run that is under way has no loss yet (NaN).
struct SweepRun {
  Scale scale = {};
  double log_rate = 0, log_batch = 0;
  double log_loss = 0;
};

/// Deviation of ln loss between seeds (fitting/comparison/noise.h), and how far a quadratic misses the loss:
/// this share of the excess.
inline constexpr double kSeedDeviation = 0.002, kExcessShare = 0.5;

/// What is believed at one target.
struct OptimumBelief {
  Eigen::Vector2d mean = Eigen::Vector2d::Zero();        ///< (ln rate, ln batch)
  Eigen::Matrix2d covariance = Eigen::Matrix2d::Zero();  ///< of the target cell's own optimum
  Curvature curvature = {};                              ///< the most probable one
  double expected_excess = 0;                            ///< relative loss given away by training at the mean
};

struct BeliefData {
  Prior prior = {};
  Scale centre = {};
  std::vector<SweepRun> runs = {};
};

/// Cells of the runs, in order of first appearance, then `further` ones.
std::vector<Scale> CellsOf(std::span<const SweepRun> runs, std::span<const Scale> further);

/// Curvatures are weighed by how well they explain the runs, from 0.4 to 2.2 of what recorded sweeps show.
/// Runs more than 6 % above the best of their cell do not count. Milliseconds up to a few hundred runs.
OptimumBelief BelieveAt(const BeliefData& data, const Scale& target);

/// The space over `cells` conditioned on the runs, for the most probable curvature.
BeliefSpace Condition(const BeliefData& data, const std::vector<Scale>& cells, Curvature& curvature);

/// The index of the cell at `scale`; cells.size() when there is none.
std::size_t FindCell(const std::vector<Scale>& cells, const Scale& scale);

}  // namespace sextant::fitting::design
