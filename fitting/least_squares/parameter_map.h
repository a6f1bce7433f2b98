// SPDX-License-Identifier: Apache-2.0
// Between a law's natural parameters and the coordinates a solver walks.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "fitting/law/law_spec.h"

namespace sextant::fitting::solve {

inline constexpr std::size_t kMaxFreeParameters = 32;

/// Free parameters only, each as itself or as its logarithm. Immutable after Make; thread-safe.
class ParameterMap {
 public:
  struct Free {
    std::size_t index;  ///< in LawSpec::parameters
    bool log;           ///< walked as ln(parameter)
    double low, high;   ///< in walked coordinates
  };

  /// Applies a fit's own bounds and fixed values over the law's. A fixed parameter of the law keeps its
  /// published value. InvalidArgument: names the law does not have, empty ranges, a fixed value missing or
  /// not finite, a logarithm asked of a range with no positive number in it, no free parameter, too many.
  static absl::StatusOr<ParameterMap> Make(const LawSpec& spec, const std::map<std::string, Range>& bounds,
                                           const std::map<std::string, double>& fixed);

  std::size_t free_count() const { return free_.size(); }
  std::size_t natural_count() const { return base_.size(); }
  const std::vector<Free>& free() const { return free_; }
  /// Walked coordinates -> all natural parameters (fixed ones included).
  void ToNatural(std::span<const double> walked, std::span<double> natural) const;
  /// Natural -> walked, clamped into the bounds; a logarithm of nothing becomes `log_floor`.
  void ToWalked(std::span<const double> natural, std::span<double> walked, double log_floor = -700) const;
  void Clamp(std::span<double> walked) const;
  /// The coordinate touches a bound of its range.
  bool AtBound(std::size_t k, double walked) const;

 private:
  std::vector<Free> free_;
  std::vector<double> base_;  // natural values, fixed ones filled in
};

}  // namespace sextant::fitting::solve
