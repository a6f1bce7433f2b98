// SPDX-License-Identifier: Apache-2.0
// How the critical batch moves with the loss, with the parameters N and with the tokens D.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_POWER_LAW_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_POWER_LAW_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/critical_batch/definitions.h"

namespace sextant::fitting {

// B_crit(L) = B_star / L^(1/alpha). Kaplan et al. 2020, arXiv 2001.08361, equation 1.4.
struct LossPowerLaw {
  BatchInterval b_star;  // the batch unit of the input
  BatchInterval alpha;
  double lowest_loss = 0, highest_loss = 0;       // range of losses it was fitted on
  std::vector<double> b_star_draws, alpha_draws;  // bootstrap replicates, paired
  double BatchAt(double loss) const;
  BatchInterval IntervalAt(double loss, double confidence = 0.9) const;  // from the draws
};

// One critical batch at one scale.
struct ScaledCriticalBatch {
  double params = 0, tokens = 0, critical_batch = 0;
  double log_error = 0;  // sd of ln critical_batch; 0 when unknown (then all points weigh the same)
};

// ln B = ln c + a ln N + b ln D, with the terms the form has.
struct ScaleLaw {
  std::string law;  // "cbs-constant", "cbs-power-n", "cbs-power-d", "cbs-power-nd"
  double coefficient = 0, n_exponent = 0, d_exponent = 0;
  BatchInterval coefficient_interval, n_interval, d_interval;  // bootstrap over points
  double aicc = 0;                 // small-sample Akaike criterion; infinite when it has too few points
  double akaike_weight = 0;        // evidence share among the forms
  double leave_one_out_error = 0;  // rms ln error
  double r_squared = 0;
  bool converged = false;
  double BatchAt(double params, double tokens) const;
};

struct ScaleLaws {
  std::vector<ScaleLaw> forms;  // those the points can identify
  int best = 0;  // index into `forms`: most evidence; with too few points for that, least left-out error
  bool n_identifiable = false, d_identifiable = false;
  std::string evidence;  // a sentence: which of N and D matters, and how sure that is
  std::vector<std::string> warnings;
};

// FailedPrecondition with fewer than three points; the axis that does not vary is named in the warnings.
absl::StatusOr<ScaleLaws> FitScaleLaws(std::span<const ScaledCriticalBatch> points, double confidence = 0.9,
                                       int replicates = 1000, uint64_t seed = 1);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_POWER_LAW_H_
