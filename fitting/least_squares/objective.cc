// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/objective.h"

#include <absl/status/status.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <cmath>

namespace sextant::fitting {
namespace {

constexpr char kAllowed[] =
    "allowed: squared, huber:DELTA, absolute, huber-likelihood:DELTA, with an optional prefix log- or level-";

bool TakePrefix(std::string& text, const std::string& prefix) {
  if (text.compare(0, prefix.size(), prefix) != 0) return false;
  text.erase(0, prefix.size());
  return true;
}

}  // namespace

absl::StatusOr<Objective> ParseObjective(const std::string& text) {
  if (text.size() > 64) return absl::InvalidArgumentError("an objective has at most 64 characters");
  Objective objective;
  std::string rest = text;
  if (TakePrefix(rest, "level-")) {
    objective.residual = ResidualKind::kLevel;
  } else {
    TakePrefix(rest, "log-");
  }
  const std::size_t colon = rest.find(':');
  const std::string name = rest.substr(0, colon);
  if (name == "squared") {
    objective.loss = LossKind::kSquared;
  } else if (name == "huber") {
    objective.loss = LossKind::kHuber;
  } else if (name == "absolute") {
    objective.loss = LossKind::kAbsolute;
  } else if (name == "huber-likelihood") {
    objective.loss = LossKind::kHuberLikelihood;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("unknown objective '", text, "'; ", kAllowed));
  }
  if (colon == std::string::npos) return objective;
  if (objective.loss == LossKind::kSquared || objective.loss == LossKind::kAbsolute) {
    return absl::InvalidArgumentError(absl::StrCat("objective '", name, "' takes no delta; ", kAllowed));
  }
  if (!absl::SimpleAtod(rest.substr(colon + 1), &objective.delta) || !std::isfinite(objective.delta) ||
      objective.delta < 1e-12 || objective.delta > 1e12) {
    return absl::InvalidArgumentError(
        absl::StrCat("delta in objective '", text, "' must be a number between 1e-12 and 1e12"));
  }
  return objective;
}

std::string ObjectiveToString(const Objective& objective) {
  const std::string prefix = objective.residual == ResidualKind::kLevel ? "level-" : "";
  switch (objective.loss) {
    case LossKind::kSquared:
      return prefix + "squared";
    case LossKind::kAbsolute:
      return prefix + "absolute";
    case LossKind::kHuber:
      return absl::StrCat(prefix, "huber:", objective.delta);
    case LossKind::kHuberLikelihood:
      return absl::StrCat(prefix, "huber-likelihood:", objective.delta);
  }
  return prefix;
}

}  // namespace sextant::fitting
