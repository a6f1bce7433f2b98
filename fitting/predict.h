// SPDX-License-Identifier: Apache-2.0
// Predictions: arithmetic on a fit and its replicates, never a fit. Microseconds.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fitting/fit_result.h"
#include "fitting/law/law.h"

namespace sextant::fitting {

/// Where to predict. Counts are positive and finite, N and D left out only where `at` or a schedule says
/// where; see ValidateTarget.
struct PredictionTarget {
  double params = 0;  ///< N, counted as each law counts it; 0: not given
  double tokens = 0;  ///< D; likewise
  /// Further variables by their name in laws (U, r, …); N, D, B, L, S and C here stand before the others.
  std::map<std::string, double> at;
  /// The rate of every step, for laws that sum over them: they answer for its end. Null: not given.
  std::shared_ptr<const std::vector<double>> learning_rates;
  std::optional<double> batch_size_tokens;
  std::optional<double> learning_rate;  ///< the loss is that at this rate (PredictTogether)
  std::optional<double> loss_nats;
  std::optional<double> max_extrapolation;  ///< ratio; answers beyond it are withheld
  double interval = 0.9;                    ///< coverage
  double tolerance = 0.0025;                ///< relative excess loss of the near-optimal band
  /// Leaves out what is said in words of every target alike or stands in the extrapolation ratios: inputs,
  /// ranges left, a fit's own warnings. For many targets at once.
  bool brief = false;
};

/// A predicted value. `low` and `high` are bootstrap percentiles of the prediction (every replicate is pushed
/// through the law); they rest on the runs being exchangeable within their cells. Of a loss by a fit with a
/// LossModel they hold the loss that a run there will have, and `parameter_*` are those percentiles, of the
/// law itself. `near_optimal_*` bound the region whose loss stays within the tolerance.
struct Quantity {
  double value = 0;
  std::optional<double> low, high;
  std::optional<double> parameter_low, parameter_high;
  std::optional<double> near_optimal_low, near_optimal_high;
};

/// The price of training at a learning rate and batch: relative excess loss over the unknown optimum (0.01 is
/// 1 %).
struct PenaltyPoint {
  double learning_rate = 0, batch_size_tokens = 0;
  double expected = 0;              ///< mean over the replicates
  std::optional<double> low, high;  ///< bootstrap percentiles
};

/// What training at a batch costs beside the fewest steps and the fewest tokens to the same loss, by the
/// hyperbola (McCandlish et al. 2018): shares B_crit / B of steps and B / B_crit of tokens. 1 is twice as
/// many.
struct BatchTradeoff {
  double batch_size_tokens = 0;
  Quantity extra_steps_share, extra_compute_share;
};

struct Withheld {
  std::string source;    ///< fit name or law id
  std::string quantity;  ///< target name
  std::string reason;
};

/// What one or several fits or laws say together.
struct Prediction {
  std::vector<std::string> fits, laws;  ///< who answered
  std::map<Target, Quantity> quantities;
  std::map<std::string, double> other;                        ///< by target name, for Target::kOther
  double extrapolation_params = 1, extrapolation_tokens = 1;  ///< target over fitted range; 1 inside
  std::string critical_batch_definition;  ///< when a critical batch is given; empty: the law does not say
  std::optional<BatchTradeoff> tradeoff;  ///< at a fixed batch, with a critical batch by the hyperbola
  std::string rate_kind;                  ///< "joint" or "fixed-batch", when a learning rate is given
  std::vector<std::string> warnings, inputs;
  std::string citation;
  std::vector<Withheld> withheld;
};

/// Every problem of the target as "field: what is wrong".
std::vector<std::string> ValidateTarget(const PredictionTarget& target);

/// A fit ready to predict: immutable, thread-safe, no locks.
class Predictor {
 public:
  /// From a fit that was made or stored. The law is compiled from `result.law_toml`.
  static absl::StatusOr<std::shared_ptr<const Predictor>> FromFit(std::string fit_name, FitResult result);
  /// The average of a study's loss fits by their held-out error (AverageLossFits), the first of them its
  /// source. Everything that it says is as of a fit of `loss-average`. FailedPrecondition where they cannot
  /// be averaged.
  static absl::StatusOr<std::shared_ptr<const Predictor>> Average(
      const std::vector<std::shared_ptr<const Predictor>>& fits);
  /// From published values. FailedPrecondition if the law has none. `catalogue` supplies laws that stand in
  /// for a missing variable (`from_law`); may be null.
  static absl::StatusOr<std::shared_ptr<const Predictor>> FromLaw(std::shared_ptr<const Law> law,
                                                                  std::shared_ptr<const Catalogue> catalogue);
  virtual ~Predictor() = default;
  virtual Target target() const = 0;
  virtual const FitResult* fit() const = 0;       ///< null for published laws
  virtual const std::string& source() const = 0;  ///< the fit's name or the law's id
  virtual const std::shared_ptr<const Law>& law() const = 0;
  /// Adds this fit's answer (or the reason for none, in `withheld`) to `into`.
  virtual void Predict(const PredictionTarget& target, Prediction& into) const = 0;
  /// Penalties over the grid, learning rates outside, batches inside. FailedPrecondition unless the fit's
  /// estimator has a loss surface; Cancelled once `given_up`, if set, says true.
  virtual absl::StatusOr<std::vector<PenaltyPoint>> Penalties(const PredictionTarget& target,
                                                              const std::vector<double>& learning_rates,
                                                              const std::vector<double>& batch_sizes_tokens,
                                                              const std::function<bool()>& given_up) const;
};

/// What `group`, the fits of one study or fits that were named together, say at the target. The loss is that
/// at the rate and batch of the answer: where the target fixes one of them, what that costs over the best is
/// added, by the loss surface of a fit in the group; a warning says where none has one.
Prediction PredictTogether(const std::vector<std::shared_ptr<const Predictor>>& group,
                           const PredictionTarget& target);

/// What a law predicts, as the API spells it: "learning_rate", …; a law's own name for other quantities.
std::string QuantityName(const LawSpec& law);

}  // namespace sextant::fitting
