// SPDX-License-Identifier: Apache-2.0
// What a fit minimises.
#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace sextant::fitting {

enum class LossKind {
  kSquared,   ///< r^2 / 2
  kHuber,     ///< r^2 / 2 up to delta, then delta (|r| - delta / 2)
  kAbsolute,  ///< |r|
  /// Negative log-likelihood of a density proportional to exp(-huber(r / s)) whose scale s is estimated too:
  /// delta counts in units of s. Besiroglu et al. 2024 (2404.10102) maximise this one.
  kHuberLikelihood,
};

enum class ResidualKind {
  kLog,    ///< ln(predicted) - ln(observed)
  kLevel,  ///< predicted - observed
};

/// Summed over rows, never averaged: an averaged robust loss is so small that usual tolerances stop early
/// (laws fitted that way missed the optimum; Besiroglu et al. 2024).
struct Objective {
  LossKind loss = LossKind::kHuber;
  double delta = 1e-3;  ///< of the residual's own unit; unused by kSquared and kAbsolute
  ResidualKind residual = ResidualKind::kLog;

  bool operator==(const Objective&) const = default;
};

/// Reads "squared", "huber:1e-3", "absolute", "huber-likelihood:1e-3", each with an optional prefix "log-"
/// (default) or "level-". InvalidArgument says what is allowed.
absl::StatusOr<Objective> ParseObjective(const std::string& text);

/// Writes it so that ParseObjective reads it back: "huber:0.001", "level-squared".
std::string ObjectiveToString(const Objective& objective);

}  // namespace sextant::fitting
