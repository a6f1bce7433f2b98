// SPDX-License-Identifier: Apache-2.0
// What a fit found: estimates, uncertainty and how far to trust them. Plain data, immutable once made;
// storage keeps it, predictions are computed from it alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fitting/fit_model.h"
#include "fitting/law/law_spec.h"

namespace sextant::fitting {

/// One parameter. `estimate` is the point fit, never a bootstrap mean (nonlinear parameters are correlated:
/// their means describe no law). `low` and `high` are bootstrap percentiles, absent without a bootstrap.
struct ParameterEstimate {
  std::string name;
  double estimate = 0;
  std::optional<double> low, high;
  bool at_bound = false;
};

/// Score on runs that the fit did not see.
struct HoldoutScore {
  std::int64_t runs = 0;
  double mean_relative_error = 0;          ///< mean |predicted / observed - 1|
  std::optional<double> mean_excess_loss;  ///< optima only: mean relative excess loss of the prediction
};

/// A run whose removal moves the fit.
struct Influence {
  std::string run_id;
  double objective_share = 0;  ///< its share of the objective
  double shift = 0;  ///< largest change of a parameter, in bootstrap standard errors, when it is left out
};

/// What was fitted, to which data, how.
struct FitProvenance {
  std::string law_id;
  std::string law_toml;  ///< the law as it was, so that a fit stays readable when a user's law changes
  Target target = Target::kUnspecified;
  std::string estimator;  ///< "least-squares" for laws fitted to losses; "band", "surface", … for optima; of
                          ///< critical batches the definition
  std::string objective_kind;  ///< "huber:0.001", "squared", …
  std::string study_id;
  std::string data_digest;  ///< SHA-256 over the rows that entered
  std::string filter, holdout_filter;
  std::uint64_t seed = 0;
  std::int64_t bootstrap_replicates = 0;
  std::string version;      ///< of Sextant
  std::string param_count;  ///< which N
  std::string loss_unit;
  /// What the law's variables, and what it predicts ("y"), were read from.
  std::map<std::string, std::string> columns;
  std::string data_source;  ///< empty: the study's runs; else "table …" or "curves"
};

/// What came out, as it is shown.
struct FitReport {
  std::int64_t runs_used = 0, cells_used = 0;
  std::vector<ParameterEstimate> parameters;  ///< of the law, in its order
  double objective = 0;                       ///< summed, never averaged
  std::int64_t starts = 0, starts_at_optimum = 0;
  double condition_number = 0;       ///< of the scaled normal matrix at the optimum
  std::vector<double> correlations;  ///< row-major p x p, from the bootstrap; empty without one
  std::optional<HoldoutScore> holdout;
  std::vector<Influence> influence;  ///< the most influential runs, strongest first, at most 10
  std::vector<std::string> warnings;
  std::map<std::string, Range> fitted_range;  ///< by variable: what the data covered
  /// Further numbers that are shown, not computed with ("aic", "huber_delta_sensitivity.alpha", …).
  std::map<std::string, double> diagnostics;
};

/// Provenance, report and model of one fit.
struct FitResult : FitProvenance, FitReport {
  std::vector<double> replicates;  ///< of the law's parameters: row-major [replicate][parameter]
  FitModel model;                  ///< what predictions need beside the law
};

}  // namespace sextant::fitting
