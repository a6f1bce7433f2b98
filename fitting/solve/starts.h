// Where to begin, and the best of all beginnings.
#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "fitting/solve/affine.h"
#include "fitting/solve/polish.h"

namespace sextant::fitting::solve {

/// Asked between starts and replicates; anything but OK ends the work.
using StopCheck = std::function<absl::Status()>;

/// A check for a deadline and a flag (null: none).
StopCheck MakeStopCheck(absl::Time deadline, const std::atomic<bool>* cancel);

struct StartOptions {
  std::vector<std::vector<double>> given;  ///< walked coordinates; polished as they are and again with the
                                           ///< affine parameters solved
  int random = 64;
  std::uint64_t seed = 1;
  int polished = 64;  ///< at most this many of the starts, the best by their objective
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
  int starts = 0;      ///< polished
  int at_optimum = 0;  ///< of them, within 1e-8 relative of the best value
};

/// Polishes every start in parallel. The answer does not depend on the number of threads: ties go to the
/// first start.
absl::Status PolishStarts(const Evaluator& evaluator, const Objective& objective,
                          const std::vector<std::vector<double>>& starts, const StopCheck& stop,
                          Search& search);

}  // namespace sextant::fitting::solve
