// SPDX-License-Identifier: Apache-2.0
// The loss as a function of N and D that a plan is made on: a fitted or published law, with its replicates.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fitting/law/law.h"

namespace sextant::fitting {

/// How a budget of repeated data is discounted where the law itself has no variable for unique tokens: the
/// half-life of repeats R_D* of Muennighoff et al. 2023 (2305.16264), fitted to 182 runs.
inline constexpr double kRepeatScale = 15.387756;

/// E + (A / N^alpha + B / D^beta)^k as plain numbers: what most loss laws are, for many evaluations.
struct ClosedSurface {
  double floor = 0, a = 0, b = 0, alpha = 0, beta = 0, k = 1;
  double Loss(double params, double tokens) const;
};

/// L(N, D), with unique tokens U where they are limited. Immutable after Make; thread-safe.
class LossSurface {
 public:
  /// `parameters` in the law's order; `replicates` row-major, may be empty; `fitted` the ranges of the data
  /// by variable. FailedPrecondition for a law that does not predict a loss from N and D (and U) alone.
  static absl::StatusOr<LossSurface> Make(std::string source, std::shared_ptr<const Law> law,
                                          std::vector<double> parameters, std::vector<double> replicates,
                                          std::map<std::string, Range> fitted);

  const std::string& source() const { return source_; }
  const Law& law() const { return *law_; }
  std::span<const double> parameters() const { return parameters_; }
  std::size_t replicate_count() const;
  std::span<const double> replicate(std::size_t index) const;
  /// The range of the data; unbounded where it is not known.
  Range fitted(const std::string& variable) const;
  bool has_unique_tokens() const { return unique_at_.has_value(); }

  /// The same law as numbers, where it has that form (verified by evaluating it, once) and these parameters
  /// give it an optimum.
  std::optional<ClosedSurface> Closed(std::span<const double> parameters) const;

  /// The loss of N parameters on D tokens of which `unique_tokens` are different ones (absent: all).
  double Loss(std::span<const double> parameters, double params, double tokens,
              std::optional<double> unique_tokens) const;

 private:
  LossSurface() = default;

  std::string source_;
  std::shared_ptr<const Law> law_;
  std::vector<double> parameters_, replicates_;
  std::map<std::string, Range> fitted_;
  std::size_t params_at_ = 0, tokens_at_ = 0;
  std::optional<std::size_t> unique_at_;
  /// Places of E, A, B, alpha, beta and k (absent: 1) among the parameters, for a law of the closed form.
  std::optional<std::array<std::size_t, 6>> closed_at_;
};

/// D tokens of which U are unique, as that many tokens of fresh data: U + U R (1 - exp(-(D/U - 1)/R)), R =
/// kRepeatScale (Muennighoff et al. 2023, equation 5). D where D <= U.
double EffectiveTokens(double tokens, double unique_tokens);

}  // namespace sextant::fitting
