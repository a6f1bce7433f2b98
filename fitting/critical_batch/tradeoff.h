// SPDX-License-Identifier: Apache-2.0
// The trade of steps for tokens at a fixed target loss. McCandlish et al. 2018, arXiv 1812.06162,
// equations 2.11, 2.12 and 5.1. Pure and thread-safe; B and critical batch in the same unit.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_TRADEOFF_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_TRADEOFF_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/critical_batch/definitions.h"

namespace sextant::fitting {

double StepsAtBatch(double min_steps, double critical_batch, double batch);    // S_min (1 + B_crit/B)
double TokensAtBatch(double min_tokens, double critical_batch, double batch);  // E_min (1 + B/B_crit)
// eps_max / (1 + B_noise/B): the best learning rate at a batch, relative to an unlimited one (SGD).
double LearningRateAtBatch(double max_learning_rate, double noise_scale, double batch);

struct TradeoffRow {
  double batch_size = 0;
  double devices = 0;   // batch_size / batch per device; 0 when not asked
  BatchInterval steps;  // to the target
  BatchInterval tokens;
  BatchInterval extra_steps_share;    // steps / S_min - 1 = B_crit / B
  BatchInterval extra_compute_share;  // tokens / E_min - 1 = B / B_crit; compute is proportional to tokens
  BatchInterval flops;                // 6 params tokens; 0 when params are not given
};

struct TradeoffOptions {
  double params = 0;            // for flops, any count the user chooses
  double batch_per_device = 0;  // tokens per device and step; fills `devices`
};

// One row a batch. FailedPrecondition unless `critical` is an answered estimate of kHyperbola;
// InvalidArgument for a batch that is not positive.
absl::StatusOr<std::vector<TradeoffRow>> TradeoffTable(const CriticalBatchEstimate& critical,
                                                       std::span<const double> batch_sizes,
                                                       const TradeoffOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_TRADEOFF_H_
