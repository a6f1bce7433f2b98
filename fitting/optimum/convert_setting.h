// SPDX-License-Identifier: Apache-2.0
// A whole setting of the optimizer at another batch size, each hyperparameter by its published rule.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <vector>

namespace sextant::fitting {

/// What is known of the old setting; what is absent is not converted. Batches in one unit.
struct OptimizerSetting {
  std::string optimizer;  ///< one of ConvertibleOptimizers()
  double from_batch = 0, to_batch = 0;
  std::optional<double> learning_rate, beta1, beta2, epsilon, weight_decay;
  std::optional<double> ema_decay;  ///< of an average of the weights, per step
  std::optional<double> warmup_steps;
  std::optional<double> noise_batch;  ///< where gradient noise equals signal; adds the surge rule
  std::optional<double> exponent;     ///< of the batch for the rate, from a sweep
};

/// One hyperparameter by one rule. Without a value the rule gives a range, or says why it does not hold.
struct ConvertedSetting {
  std::string quantity;
  double from = 0;
  std::optional<double> value, low, high;
  std::string rule, source, validity;
};

struct SettingConversion {
  double factor = 1;  ///< new batch over old
  std::vector<ConvertedSetting> values;
  std::vector<std::string> warnings;
};

/// sgd, momentum, adam, adamw, lion, lars, lamb.
const std::vector<std::string>& ConvertibleOptimizers();

/// Every problem as "field: what is wrong".
std::vector<std::string> ValidateSetting(const OptimizerSetting& setting);

/// InvalidArgument with every problem of ValidateSetting. Where two rules give one quantity, the one for the
/// optimizer comes first.
absl::StatusOr<SettingConversion> ConvertSetting(const OptimizerSetting& setting);

}  // namespace sextant::fitting
