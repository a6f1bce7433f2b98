// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/str_cat.h>

#include <cmath>

#include "fitting/plan/plan.h"

namespace sextant::fitting {
namespace {

// Beyond these nothing physical is meant, and powers of them stay finite.
constexpr double kLargest = 1e40;

void CheckPositive(const char* field, const std::optional<double>& value,
                   std::vector<std::string>& problems) {
  if (value && !(*value > 0 && *value < kLargest)) {
    problems.push_back(absl::StrCat(field, ": ", *value, " is not between 0 and 1e40, both excluded"));
  }
}

}  // namespace

std::vector<std::string> ValidatePlanRequest(const PlanRequest& r) {
  std::vector<std::string> problems;
  for (const auto& [field, value] :
       {std::pair{"flops", &r.flops}, std::pair{"gpus", &r.gpus}, std::pair{"days", &r.days},
        std::pair{"gpu_flops_per_second", &r.gpu_flops_per_second}, std::pair{"target_loss", &r.target_loss},
        std::pair{"params", &r.params}, std::pair{"tokens", &r.tokens},
        std::pair{"max_params", &r.max_params}, std::pair{"unique_tokens", &r.unique_tokens},
        std::pair{"inference_tokens", &r.inference_tokens}}) {
    CheckPositive(field, *value, problems);
  }
  if (r.utilisation && !(*r.utilisation > 0 && *r.utilisation <= 1)) {
    problems.push_back(
        absl::StrCat("utilisation: ", *r.utilisation, " is outside (0, 1]; 0.4 is 40 % of the peak"));
  }
  if (r.overtrain && !(*r.overtrain >= 0.01 && *r.overtrain <= 1e4)) {
    problems.push_back(absl::StrCat("overtrain: ", *r.overtrain, " is outside 0.01 to 10000"));
  }
  if (!(r.interval > 0 && r.interval < 1)) problems.push_back("interval: must be between 0 and 1");
  if (!(r.tolerance > 0 && r.tolerance <= 0.5)) problems.push_back("tolerance: must be in (0, 0.5]");
  if (!(r.flops_per_param_token > 0 && r.flops_per_param_token < 1e6)) {
    problems.push_back("flops_per_param_token: must be positive; 6 is C = 6 N D");
  }
  const bool machines = r.gpus && r.days;
  if (r.days && !(r.gpus && r.gpu_flops_per_second && r.utilisation)) {
    problems.push_back("days: a budget in time needs gpus, gpu_flops_per_second and utilisation too");
  }
  if (r.gpus && !r.gpu_flops_per_second)
    problems.push_back("gpus: need gpu_flops_per_second and utilisation");
  if (r.gpu_flops_per_second.has_value() != r.utilisation.has_value()) {
    problems.push_back("gpu_flops_per_second and utilisation: one is of no use without the other");
  }
  if (machines && r.flops) problems.push_back("flops: gpus and days state the budget already");
  const int given =
      (r.flops || machines ? 1 : 0) + (r.target_loss ? 1 : 0) + (r.params ? 1 : 0) + (r.tokens ? 1 : 0);
  if (given == 0) {
    problems.push_back("budget: missing; give flops, gpus with days, target_loss, params or tokens");
  }
  if (given > 2 || (given == 2 && r.target_loss && r.flops)) {
    problems.push_back(
        "budget: more is given than can hold at once; two of flops, params, tokens and target_loss at most");
  }
  if (given == 2 && r.overtrain) {
    problems.push_back("overtrain: N and D follow from the budget already");
  }
  if (r.params && r.max_params && *r.params > *r.max_params) {
    problems.push_back(absl::StrCat("max_params: ", *r.max_params, " is below params ", *r.params));
  }
  return problems;
}

}  // namespace sextant::fitting
