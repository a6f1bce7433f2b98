// SPDX-License-Identifier: Apache-2.0
// How files are to be read, kept in a file: what the flags of an import say, one a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/importers/import.h"

namespace sextant::importers {

/// The flags of an import, as they are typed: "FIELD=COLUMN" and the like.
struct Recipe {
  std::string format;  ///< empty: found out
  std::vector<std::string> maps, sets, metrics;
  std::optional<std::int64_t> step_offset;
};

/// Reads lines "format NAME", "map FIELD=COLUMN", "set FIELD=VALUE", "metric NAME=QUANTITY", "step-offset N";
/// blank lines and those that begin with '#' are left out. INVALID_ARGUMENT with the line for anything else;
/// what stands behind the first word is checked where flags are.
absl::StatusOr<Recipe> ParseRecipe(std::string_view text);

/// The same from a file of at most kMaxSettingsFileBytes.
absl::StatusOr<Recipe> ReadRecipe(const std::string& path);

/// The recipe as such lines, each of `comments` before them behind a '#'.
std::string WriteRecipe(const Recipe& recipe, const std::vector<std::string>& comments);

/// What a user might add so that more of a source is taken, as lines of a recipe: logged names that look like
/// a quantity that is still missing, settings whose last part is called like a field that is.
std::vector<std::string> Suggest(const FileReport& report);

}  // namespace sextant::importers
