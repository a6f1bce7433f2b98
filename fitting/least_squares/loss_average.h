// SPDX-License-Identifier: Apache-2.0
// Laws of the loss, fitted so that their intervals hold the next run, and their average (`loss-average`).
//
// Laws are weighted by how well they predicted the largest scales when they had not seen them, by 1 / error.
// Held-out error ranks laws better than information criteria do (docs/fitting.md, `loss_laws_bench`).
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fitting/fit_result.h"
#include "fitting/law/law.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/law_data.h"

namespace sextant::fitting {

/// Id of the average, as other laws have one.
inline constexpr char kLossAverageId[] = "loss-average";

/// Whether a law may be part of the average `average`: a form of the loss, not published, that an expression
/// of the same variables states. Of the catalogue these are what is averaged.
bool MayBeAveraged(const LawSpec& law, const LawSpec& average);

/// FitLaw, and a second fit without the largest `held_out_fraction` of the rows (half of that where too few
/// would be left), which says what extrapolation costs: `model` is a LossModel with everything except
/// `cell_best` and `runs_considered`. Where nothing can be held out a warning says so. Errors are FitLaw's.
absl::StatusOr<FitResult> FitLossLaw(const std::shared_ptr<const Law>& law, const LawData& data,
                                     const SolveOptions& options, double held_out_fraction = 0.2);

/// The power of N D by which rows weigh in the fits of an average. Laws are forms, wrong somewhere: what they
/// say beyond the largest scales should rest on large ones. Chosen leaving each study out (loss_laws_bench).
inline constexpr double kScaleWeight = 0.5;

/// Likewise: laws weigh by their held-out error to the power of minus this, and at most so many take part.
/// Averages of many different forms do better than those of the few that did best at one step in scale.
inline constexpr double kErrorPower = 1;
inline constexpr std::size_t kMostMembers = 8;

/// A law of more than kFewParameters takes part from so many rows for each of them on: with fewer it may
/// predict the next scale and nothing beyond.
inline constexpr std::size_t kFewParameters = 6;
inline constexpr double kRowsPerParameter = 12;

/// Fits every law to the same rows as FitLossLaw does, large scales weighing more, and averages ln(loss) over
/// the best by held-out error, each weighing by 1 / error. (What the parameters leave open further out, added
/// to the error, made the averages worse at every size tried.) The result's law is their composition
/// (compose_laws.h), `law_toml` its text; warnings name the laws that were left out and why. InvalidArgument:
/// no law. The first law's status when none could be fitted or scored.
absl::StatusOr<FitResult> FitLossAverage(const std::vector<std::shared_ptr<const Law>>& laws,
                                         const LawData& data, const SolveOptions& options,
                                         double held_out_fraction = 0.2, double scale_weight = kScaleWeight);

/// The same average of fits that were made already, to the same rows: provenance is the first's, noise and
/// held-out error at most those of the average. FailedPrecondition unless two or more fits of laws over the
/// same variables have a held-out error, and all data of one digest.
absl::StatusOr<FitResult> AverageLossFits(std::span<const FitResult* const> fits);

/// A loss and its two intervals, in the unit of the data.
struct LossInterval {
  double parameter_low = 0, parameter_high = 0;  ///< what the parameters leave open: of the law's own curve
  double low = 0, high = 0;  ///< of the loss that a run there will have: parameters, noise, disagreement of
                             ///< the laws and what extrapolation cost at the held-out scales
};

/// From the law's value at `variables` and the quantiles of its replicates there; `level` in (0, 1) is the
/// coverage of all. `parameters` in the order of `law`. Thread-safe.
LossInterval IntervalOfRun(const LossModel& model, const Law& law, std::span<const double> parameters,
                           std::span<const double> variables, double value, double parameter_low,
                           double parameter_high, double level);

}  // namespace sextant::fitting
