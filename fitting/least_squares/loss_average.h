// SPDX-License-Identifier: Apache-2.0
// The average of a study's loss laws (`loss-average`), and losses with intervals that are meant to hold the
// next run.
//
// A law is weighted by how well it predicted the largest scales when it had not seen them: by 1 / error^2 of
// the best five. Held-out error ranks laws better than information criteria do (docs/fitting.md,
// `loss_laws_bench`).
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fitting/law/law.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/law_data.h"

namespace sextant::fitting {

/// Id of the average, as other laws have one.
inline constexpr char kLossAverageId[] = "loss-average";

struct LossAverageMember {
  std::shared_ptr<const Law> law;
  FitResult fit;  ///< of all rows, replicates included where the options ask for some
  double held_out_error =
      0;  ///< mean |predicted / observed - 1| at the largest scales, which this fit's twin did not see
  double weight = 0;  ///< the weights sum to 1
};

/// One law, or the average of several. Immutable once made; thread-safe.
struct LossAverage {
  std::vector<LossAverageMember> members;  ///< best held-out error first
  double noise = 0;                        ///< sd of ln loss about the average, corrected for what was fitted
  double held_out_sd =
      0;  ///< root mean square ln error of the average at the held-out scales; 0 when none were
  double held_out_reach = 0;  ///< ln of the mean scale held out over the largest scale that was not
  double largest_scale = 0;   ///< ln of the product of N, D or C at the largest row (SplitLargestScales)
  std::vector<std::string>
      left_out;  ///< "law: why", for laws that could not be fitted or came after the fifth
};

/// A loss in the unit of the data.
struct LossPrediction {
  double value = 0;
  double parameter_low = 0, parameter_high = 0;  ///< what the parameters leave open: of the law's own curve
  double low = 0, high = 0;  ///< of the loss that a run there will have: parameters, noise, disagreement of
                             ///< the laws and what extrapolation cost at the held-out scales
};

/// Fits every law to `data` and to all but its largest scales (CompareLaws), and averages the best five.
/// `options.replicates` > 0 gives the parameter intervals. One law is an average of one. Runs with a relative
/// excess must be left out by the caller: laws of the loss describe runs at good settings. InvalidArgument:
/// no law. Otherwise the first law's status when none could be fitted.
absl::StatusOr<LossAverage> AverageLossLaws(const std::vector<std::shared_ptr<const Law>>& laws,
                                            const LawData& data, const SolveOptions& options,
                                            double held_out_fraction = 0.2);

/// ln(loss) is averaged by 1 / (error^2 + what the law's parameters leave open there, squared), which is
/// `weight` near the data: a law of many parameters may predict the next scale and nothing beyond.
/// `variables` in the order of the laws' variables; `level` in (0, 1) is the coverage of both intervals.
/// Without replicates the parameter interval is the value itself, and the other lacks that part. NaN
/// throughout where a law is not finite.
LossPrediction PredictLoss(const LossAverage& average, std::span<const double> variables, double level);

}  // namespace sextant::fitting
