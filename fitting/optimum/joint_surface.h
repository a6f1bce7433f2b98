// SPDX-License-Identifier: Apache-2.0
// One loss surface for all runs of a study, fitted by Ceres in one problem.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/bootstrap.h"
#include "fitting/optimum/bowl.h"
#include "fitting/optimum/cells.h"

namespace sextant::fitting::optimum {

/// Which of the two axes a study sweeps. An axis that is not swept is held at offset 0 throughout.
struct Axes {
  bool rate = true;
  bool batch = true;
};

/// One setting of a cell. Repeats, of a bootstrap draw or of the sweep, are one point of higher `count`.
struct SurfacePoint {
  Eigen::Vector2d at;  ///< (ln rate, ln batch); 0 on an axis that is not swept
  double log_loss;
  double excess;  ///< log_loss minus the lowest of its cell
  double count;   ///< runs behind it
};

struct SurfaceCell {
  double log_params;
  double log_tokens;
  std::vector<SurfacePoint> points;  ///< runs within the window of the cell's best
};

/// Most runs of one cell that enter a surface: later steps cost the cube of it.
inline constexpr std::size_t kMostSurfacePoints = 300;

/// Runs within the relative `window` of each cell's best loss; of more than kMostSurfacePoints, the best.
std::vector<SurfaceCell> SurfaceCells(const std::vector<Cell>& cells, Axes axes, double window);
std::vector<SurfaceCell> SurfaceCells(const std::vector<DrawnCell>& drawn, Axes axes, double window);

/// ln loss(N, D, rate, batch) = level(N, D) + bowl(ln rate - r(N, D), ln batch - b(N, D)), r and b linear in
/// (ln N - log_params_centre, ln D - log_tokens_centre), the bowl's amplitude exp(drift . the same offsets).
struct JointSurface {
  static constexpr int kSize = 6 + Bowl::kShape + 2;
  /// Rate law (3: at the centre, per ln N, per ln D), batch law (3), bowl shape (12), drift (2).
  std::array<double, kSize> parameters{};
  double log_params_centre = 0;
  double log_tokens_centre = 0;
  /// Standard deviation of one run's ln loss near the optimum. Seeds differ by 0.001 to 0.002 in OpenEuroLLM
  /// 2608.28308; a fit without a start of its own estimates it.
  double noise = 0.0015;

  Eigen::Vector2d Optimum(double log_params, double log_tokens) const;  ///< (ln rate, ln batch)
  Bowl BowlAt(double log_params, double log_tokens) const;
};

struct JointFit {
  JointSurface surface;
  double objective = 0;  ///< sum of squared robust residuals plus prior terms
  double condition_number = 1;
  int points = 0;
};

/// Starting values: optima in the middle of each cell's near-optimal runs, exponents at their priors.
JointSurface StartSurface(const std::vector<SurfaceCell>& cells);

/// Fits from several starts, the noise of single runs estimated: what a study's point fit is.
absl::StatusOr<JointFit> FitJointSurface(const std::vector<SurfaceCell>& cells, Axes axes);

/// How far a solve goes: to convergence, for a bootstrap replicate, or to tell starts apart.
enum class Effort : std::uint8_t { kFull, kReplicate, kScout };

/// Fits from `start`. Priors: exponents weakly about what published laws share (see population.h), shape
/// weakly about a bowl that is steeper towards high rates, drift about 0. Cell levels are profiled out.
/// Internal if Ceres fails.
absl::StatusOr<JointFit> FitJointSurface(const std::vector<SurfaceCell>& cells, Axes axes,
                                         const JointSurface& start, Effort effort);

}  // namespace sextant::fitting::optimum
