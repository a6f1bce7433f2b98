// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/norm_test.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "absl/status/status.h"
#include "base/quantile.h"

namespace sextant::fitting {
namespace {

absl::Status CheckNormTest(std::span<const double> tokens, std::span<const double> noise,
                           const NormTestOptions& options) {
  if (tokens.size() != noise.size()) return absl::InvalidArgumentError("the columns differ in length");
  if (!(options.eta > 0) || !std::isfinite(options.eta))
    return absl::InvalidArgumentError("eta must be above 0");
  if (!(options.first_batch_tokens >= 1) || !std::isfinite(options.first_batch_tokens))
    return absl::InvalidArgumentError("the first batch must be 1 token or more");
  if (!(options.multiple_tokens >= 1) || !std::isfinite(options.multiple_tokens))
    return absl::InvalidArgumentError("the multiple must be 1 token or more");
  if (options.largest_batch_tokens != 0 && !(options.largest_batch_tokens >= options.first_batch_tokens))
    return absl::InvalidArgumentError("the largest batch is below the first");
  if (options.window < 1) return absl::InvalidArgumentError("the window must be 1 point or more");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BatchPlan> PlanByNormTest(std::span<const double> tokens,
                                         std::span<const double> noise_scale_tokens,
                                         const NormTestOptions& options) {
  if (absl::Status status = CheckNormTest(tokens, noise_scale_tokens, options); !status.ok()) return status;
  BatchPlan plan;
  plan.stages.push_back({0, options.first_batch_tokens, 0});
  std::deque<double> recent;
  bool capped = false, any = false;
  double last = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (std::isfinite(tokens[i])) last = std::max(last, tokens[i]);
    const double noise = noise_scale_tokens[i];
    if (!(noise > 0) || !std::isfinite(noise) || !std::isfinite(tokens[i])) continue;
    any = true;
    recent.push_back(noise);
    if (recent.size() > static_cast<std::size_t>(options.window)) recent.pop_front();
    const double scale = Quantile({recent.begin(), recent.end()}, 0.5);
    const double asked = std::ceil(scale / (options.eta * options.eta));
    double batch = options.multiple_tokens * std::ceil(asked / options.multiple_tokens);
    if (options.largest_batch_tokens > 0 && batch > options.largest_batch_tokens) {
      batch = options.largest_batch_tokens;
      capped = true;
    }
    if (batch <= plan.stages.back().batch_size_tokens) continue;
    if (plan.stages.back().from_tokens == tokens[i]) {
      plan.stages.back() = {tokens[i], batch, scale};
    } else {
      plan.stages.push_back({tokens[i], batch, scale});
    }
  }
  if (!any) return absl::FailedPreconditionError("no gradient noise scale is recorded");
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const double end = i + 1 < plan.stages.size() ? plan.stages[i + 1].from_tokens : last;
    plan.steps += std::max(0.0, end - plan.stages[i].from_tokens) / plan.stages[i].batch_size_tokens;
  }
  plan.steps_of_first_batch = last / options.first_batch_tokens;
  if (capped) plan.warnings.push_back("the noise scale asks for more than the largest batch allowed");
  if (plan.stages.size() == 1)
    plan.warnings.push_back("the first batch passes the test all along: it never has to grow");
  return plan;
}

}  // namespace sextant::fitting
