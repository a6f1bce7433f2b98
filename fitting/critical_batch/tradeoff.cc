// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/tradeoff.h"

#include <cmath>
#include <string>

#include "absl/status/status.h"

namespace sextant::fitting {

double StepsAtBatch(double min_steps, double critical_batch, double batch) {
  return min_steps * (1 + critical_batch / batch);
}
double TokensAtBatch(double min_tokens, double critical_batch, double batch) {
  return min_tokens * (1 + batch / critical_batch);
}
double LearningRateAtBatch(double max_learning_rate, double noise_scale, double batch) {
  return max_learning_rate / (1 + noise_scale / batch);
}

absl::StatusOr<std::vector<TradeoffRow>> TradeoffTable(const CriticalBatchEstimate& critical,
                                                       std::span<const double> batch_sizes,
                                                       const TradeoffOptions& options) {
  if (critical.definition != CriticalBatchDefinition::kHyperbola) {
    return absl::FailedPreconditionError(
        std::string("the trade-off needs the hyperbola definition of the critical batch, not '") +
        CriticalBatchDefinitionName(critical.definition) + "'");
  }
  if (!critical.answered) {
    return absl::FailedPreconditionError("there is no critical batch to trade with: " + critical.reason);
  }
  if (!(options.params >= 0) || !std::isfinite(options.params) || !(options.batch_per_device >= 0) ||
      !std::isfinite(options.batch_per_device)) {
    return absl::InvalidArgumentError("params and batch_per_device must be finite and not negative");
  }
  std::vector<TradeoffRow> rows;
  for (double batch : batch_sizes) {
    if (!(batch > 0) || !std::isfinite(batch)) {
      return absl::InvalidArgumentError("batch sizes must be positive and finite");
    }
    TradeoffRow row;
    row.batch_size = batch;
    if (options.batch_per_device > 0) row.devices = batch / options.batch_per_device;
    const BatchInterval& c = critical.batch_size;
    row.extra_steps_share = {c.value / batch, c.low / batch, c.high / batch};
    row.extra_compute_share = {batch / c.value, batch / c.high, batch / c.low};
    // S_min and B_crit are estimated together and trade off against each other; the ends of their own
    // intervals bound the product from outside.
    const BatchInterval &s = critical.min_steps, &e = critical.min_tokens;
    row.steps = {StepsAtBatch(s.value, c.value, batch), StepsAtBatch(s.low, c.low, batch),
                 StepsAtBatch(s.high, c.high, batch)};
    row.tokens = {TokensAtBatch(e.value, c.value, batch), TokensAtBatch(e.low, c.high, batch),
                  TokensAtBatch(e.high, c.low, batch)};
    const double flops = 6 * options.params;
    row.flops = {flops * row.tokens.value, flops * row.tokens.low, flops * row.tokens.high};
    rows.push_back(row);
  }
  return rows;
}

}  // namespace sextant::fitting
