// SPDX-License-Identifier: Apache-2.0
// Hyperparameters from YAML that stands beside a log: Lightning's hparams.yaml, W&B's config.yaml, MLflow's
// meta.yaml.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sextant::importers {

/// Scalars by dotted key ("optimizer.lr"), as the text that stands there. An entry of W&B's shape, {value:
/// X}, stands for X, and its own bookkeeping `_wandb` is left out. Lists are left out. INVALID_ARGUMENT for
/// text that is no YAML mapping or nested beyond kMaxJsonDepth; stops at kMaxSettings.
absl::StatusOr<std::map<std::string, std::string>> ParseSettingsYaml(std::string_view text);

/// The same from a file of at most kMaxSettingsFileBytes.
absl::StatusOr<std::map<std::string, std::string>> ReadSettingsYaml(const std::string& path);

/// All of a file that is small; INVALID_ARGUMENT beyond `max_bytes`.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, std::size_t max_bytes);

}  // namespace sextant::importers
