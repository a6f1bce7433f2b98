// SPDX-License-Identifier: Apache-2.0
// A law as its author writes it: text, units, constants and where they come from. The on-disk and
// over-the-wire form is TOML (docs/laws.md); this is the same as a plain struct.
#pragma once

#include <absl/status/statusor.h>

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sextant::fitting {

/// What a law answers. The unit is part of the name.
enum class Target {
  kUnspecified,
  kLearningRate,             ///< peak learning rate
  kBatchSizeTokens,          ///< tokens per step
  kCriticalBatchSizeTokens,  ///< tokens per step
  kLoss,                     ///< final loss, `loss_unit`
  kParams,                   ///< compute-optimal N
  kTokens,                   ///< compute-optimal D
  kWeightDecay,
  kAdamBeta2,
  kOther,  ///< named by `target_name` (a conversion rule, a learning curve, …)
};

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// One variable of a law. Standard names: N parameters, D tokens, C training FLOPs, L loss,
/// B batch size in tokens, S steps, U unique tokens, x a learning curve's abscissa.
struct VariableSpec {
  std::string name;
  std::string unit;  ///< "parameters", "tokens", "FLOPs", "nats/token", …
  std::string
      counting;  ///< for N: "non-embedding", "total", "non-input-embedding", "active"; for C: "6ND", "M*D", …
  Range fitted;                ///< range of the data the published values were fitted on
  std::optional<Range> valid;  ///< outside it the law is refused, with `valid_reason`
  std::string valid_reason;
  std::string from_law;  ///< id of a law whose prediction supplies this variable when it is not given
};

/// One parameter of a law.
struct ParameterSpec {
  std::string name;
  std::optional<double> value;      ///< published value; absent for a form that is only fitted
  std::optional<double> low, high;  ///< published interval
  Range bounds;                     ///< bounds of a fit
  std::string transform;            ///< "identity" (default) or "log": how a fit walks it
  std::vector<double> starts;       ///< grid of starting values; empty: chosen by the solver
  bool fixed = false;               ///< a constant of the form (sequence length, …), never fitted
};

/// A learning-rate schedule by its shape; what fitting/curve's MakeSchedule expands.
struct ScheduleShape {
  std::string shape;  ///< "constant", "cosine", "linear", "wsd", "inverse-sqrt"
  double peak = 0;    ///< learning rate
  double final = 0;   ///< learning rate at the end
  double steps = 0;
  double warmup = 0;         ///< steps
  double decay_share = 0.1;  ///< of the steps, for "wsd"
};

/// A worked example that a test asserts.
struct ExampleSpec {
  std::map<std::string, double> at;          ///< variable values
  std::map<std::string, double> parameters;  ///< in place of published values: all that have none, for a form
  std::optional<ScheduleShape> schedule;     ///< for laws that sum over one
  double value = 0;
  double relative_tolerance = 1e-9;
  std::string source;  ///< where the number is printed
};

struct LawSpec {
  std::string id;  ///< lower-case, digits and hyphens, RFC 1034 style, at most 63 characters
  std::string title;
  Target target = Target::kUnspecified;
  std::string target_name;  ///< for Target::kOther
  std::string loss_unit;    ///< for Target::kLoss: "nats/token", "bits/char", …
  std::string definition;  ///< of a critical batch: "hyperbola", "overhead", "minimum-compute", "noise-scale"
  std::string expression;  ///< empty when `evaluator` is set
  std::string evaluator;   ///< a built-in evaluator's name for implicit laws and sums over a schedule
  std::vector<VariableSpec> variables;
  std::vector<ParameterSpec> parameters;
  std::string fit_loss;  ///< default objective of a fit: "huber:1e-3", "squared", "absolute", with "log-"
                         ///< residuals by default
  std::string status;    ///< "VERIFIED-P", "VERIFIED-P+R", "VERIFIED-S"
  std::string citation;  ///< authors, year, title
  std::string url;       ///< arXiv id or address
  std::string equation;  ///< where in the source
  std::string recipe;    ///< optimizer, schedule, data: what the values are conditional on
  std::vector<std::string>
      notes;  ///< shown with every prediction of this law ("muP rates are not comparable", …)
  std::vector<ExampleSpec> examples;

  /// True when every parameter that is not fixed has a published value: the law can answer unfitted.
  bool published() const;
};

/// Reads one law from TOML text. InvalidArgument names the key, line and column, and what is allowed.
/// Unknown keys are refused. Text over 64 KiB is refused unread.
absl::StatusOr<LawSpec> ParseLawSpec(const std::string& toml_text);

/// Writes the law back as TOML; ParseLawSpec of the result gives an equal spec.
std::string LawSpecToToml(const LawSpec& spec);

}  // namespace sextant::fitting
