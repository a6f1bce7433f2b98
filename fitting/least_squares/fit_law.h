// SPDX-License-Identifier: Apache-2.0
// Fits a law to data: the global optimum, its uncertainty, and how far to trust it.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fitting/fit_result.h"
#include "fitting/law/law.h"
#include "fitting/least_squares/law_data.h"
#include "fitting/least_squares/objective.h"

namespace sextant::fitting {

enum class BootstrapKind {
  kHierarchical,     ///< draw cells, then runs within each drawn cell; equals kCase when cells hold one run
  kCase,             ///< draw rows
  kResidual,         ///< fitted values plus drawn residuals
  kParametricNoise,  ///< observed values plus normal noise of `noise_sd` (of the residual's unit)
};

struct SolveOptions {
  /// Absent: the law's own `fit_loss`, or huber:1e-3 over log residuals where it names none.
  std::optional<Objective> objective;
  std::map<std::string, Range> bounds;  ///< by parameter, replacing the law's
  std::map<std::string, double> fixed;  ///< parameters held at a value
  /// Further starting points beside the solver's own, natural parameters in the order of LawSpec::parameters.
  std::vector<std::vector<double>> starts;
  /// Random starts where the law is affine in no parameter and gives no grid. The default suits 3 to 7
  /// parameters.
  int random_starts = 64;
  std::uint64_t seed = 1;

  BootstrapKind bootstrap = BootstrapKind::kHierarchical;
  int replicates = 0;            ///< 0: no bootstrap, no intervals; at most kMaxReplicates
  double noise_sd = 0;           ///< kParametricNoise only; 0 takes the residuals' own standard deviation
  double interval_level = 0.95;  ///< of the percentile interval

  bool diagnostics = true;  ///< influence of single runs and sensitivity to Huber's delta

  absl::Time deadline = absl::InfiniteFuture();  ///< DeadlineExceeded once passed
  const std::atomic<bool>* cancel = nullptr;  ///< Cancelled once true; checked between starts and replicates
  std::function<void(int done, int total)> progress;  ///< replicates done; called from worker threads
};

inline constexpr int kMaxReplicates = 1'000'000;
inline constexpr std::size_t kMaxFitRows = 10'000'000;

/// Fits `law` to `data`. The estimate is a converged Ceres solve started from the best of all starts; the
/// same seed gives the same bits at any number of threads. Runs in the calling thread's TBB arena.
/// Sets no provenance that it cannot know (study, digest, filters, version): the caller does.
///
/// InvalidArgument: data that no fit can use (a NaN, lengths that differ, unknown parameter names).
/// NotIdentifiable (refusal.h): data that cannot identify the law (fewer runs than free parameters, all
/// observed values equal, a variable that takes one value while a parameter depends on it). Weaker doubts (a
/// parameter at its bound, a condition number beyond 1e12, few starts at the optimum) are warnings.
absl::StatusOr<FitResult> FitLaw(std::shared_ptr<const Law> law, const LawData& data,
                                 const SolveOptions& options);

/// Predictions of `law` at every row of `data` against what was observed.
/// InvalidArgument as for FitLaw, or if a prediction is not finite.
absl::StatusOr<HoldoutScore> ScoreHeldOut(std::shared_ptr<const Law> law,
                                          const std::vector<double>& parameters, const LawData& data);

}  // namespace sextant::fitting
