// SPDX-License-Identifier: Apache-2.0
// Where to begin, and the best of all beginnings.
#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "fitting/least_squares/affine.h"
#include "fitting/least_squares/polish.h"

namespace sextant::fitting::solve {

/// Asked between starts and replicates; anything but OK ends the work.
using StopCheck = std::function<absl::Status()>;

/// Starts are polished first under a Huber loss this many times as wide: a third of the evaluations from far
/// away.
inline constexpr double kWidening = 30;

/// A check for a deadline and a flag (null: none).
StopCheck MakeStopCheck(absl::Time deadline, const std::atomic<bool>* cancel);

struct StartOptions {
  std::vector<std::vector<double>> given;  ///< walked coordinates; polished as they are and again with the
                                           ///< affine parameters solved
  int random = 64;
  std::uint64_t seed = 1;
  int polished = 64;  ///< at most this many of the starts, the best by their objective
  /// Values of the size of the data's variables, and of their logarithms, also for parameters that are not
  /// walked by their logarithm: thresholds in min and max are such.
  bool thresholds = false;
  std::size_t largest_grid = 4096;  ///< beyond it, a random sample of at most 1024 of its points
};

/// Starting points in walked coordinates with the affine parameters solved, best objective first, at most
/// `options.polished`. One point where the problem is convex. Nonlinear parameters take the law's own grid,
/// the inside of their bounds, or values usual for exponents; the grid is a full one while it has at most
/// 4096 points and a random sample of it beyond.
std::vector<std::vector<double>> MakeStarts(Evaluator& evaluator, const LawSpec& spec, const LawData& data,
                                            const Objective& objective, const AffineStructure& structure,
                                            const StartOptions& options);

struct Search {
  Polished best;
  int starts = 0;                  ///< polished
  int at_optimum = 0;              ///< of them, within 1e-8 relative of the best value
  std::vector<Polished> polished;  ///< where each of them ended
};

/// Polishes every start in parallel; those after the first 16 only where these disagree, or `all` is true.
/// The answer does not depend on the number of threads: ties go to the first start.
absl::Status PolishStarts(const Evaluator& evaluator, const Objective& objective,
                          const std::vector<std::vector<double>>& starts, bool all, const StopCheck& stop,
                          Search& search);

/// Counts the starts that ended at the best value again, after search.best has changed. `tolerance` relative.
void CountAtOptimum(double tolerance, Search& search);

}  // namespace sextant::fitting::solve
