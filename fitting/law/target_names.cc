// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/target_names.h"

namespace sextant::fitting {
namespace {

struct Entry {
  Target target;
  const char* name;
};
constexpr Entry kTargets[] = {{Target::kLearningRate, "learning-rate"},
                              {Target::kBatchSizeTokens, "batch-size-tokens"},
                              {Target::kCriticalBatchSizeTokens, "critical-batch-size-tokens"},
                              {Target::kLoss, "loss"},
                              {Target::kParams, "params"},
                              {Target::kTokens, "tokens"},
                              {Target::kWeightDecay, "weight-decay"},
                              {Target::kAdamBeta2, "adam-beta2"},
                              {Target::kOther, "other"}};

}  // namespace

std::string TargetName(Target target) {
  for (const Entry& entry : kTargets) {
    if (entry.target == target) return entry.name;
  }
  return "";
}

Target TargetFromName(const std::string& name) {
  for (const Entry& entry : kTargets) {
    if (entry.name == name) return entry.target;
  }
  return Target::kUnspecified;
}

std::vector<std::string> TargetNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kTargets) names.emplace_back(entry.name);
  return names;
}

}  // namespace sextant::fitting
