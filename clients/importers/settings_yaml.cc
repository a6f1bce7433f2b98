// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/settings_yaml.h"

#include <yaml-cpp/yaml.h>

#include <exception>

#include "absl/strings/str_cat.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

using Settings = std::map<std::string, std::string>;

// Aliases let a small document stand for a huge or endless one: what is visited is counted, not what is
// stored.
void Flatten(const YAML::Node& node, const std::string& key, std::size_t depth, std::size_t* visited,
             Settings* out) {
  if (++*visited > kMaxSettings || depth > kMaxJsonDepth || key.size() > kMaxTextBytes) return;
  if (node.IsScalar()) {
    if (!key.empty() && node.Scalar().size() <= kMaxTextBytes) (*out)[key] = node.Scalar();
    return;
  }
  if (!node.IsMap()) return;
  if (!key.empty() && node["value"] && (node.size() == 1 || node["desc"])) {
    return Flatten(node["value"], key, depth + 1, visited, out);
  }
  for (const auto& entry : node) {
    if (*visited > kMaxSettings) return;
    if (!entry.first.IsScalar()) continue;
    const std::string& name = entry.first.Scalar();
    if (key.empty() && name == "_wandb") continue;
    Flatten(entry.second, key.empty() ? name : absl::StrCat(key, ".", name), depth + 1, visited, out);
  }
}

// Brackets and indentation both nest; either beyond the limit is refused before the parser sees it.
bool TooDeep(std::string_view text) {
  std::size_t brackets = 0, indent = 0, dashes = 0;
  bool at_start = true;
  for (const char c : text) {
    if (c == '\n') {
      indent = dashes = 0;
      at_start = true;
      continue;
    }
    if (at_start && (c == ' ' || c == '-' || c == '?')) {
      ++indent;
      if (c != ' ') ++dashes;
    } else {
      at_start = false;
    }
    if (c == '[' || c == '{') ++brackets;
    if ((c == ']' || c == '}') && brackets > 0) --brackets;
    if (brackets > kMaxJsonDepth || dashes > kMaxJsonDepth || indent > 16 * kMaxJsonDepth) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Settings> ParseSettingsYaml(std::string_view text) {
  if (text.size() > kMaxSettingsFileBytes)
    return absl::InvalidArgumentError(absl::StrCat("larger than ", kMaxSettingsFileBytes, " bytes"));
  if (!IsValidUtf8(text)) return absl::InvalidArgumentError("not valid UTF-8");
  if (TooDeep(text)) return absl::InvalidArgumentError(absl::StrCat("nested deeper than ", kMaxJsonDepth));
  Settings settings;
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (!root.IsMap()) return absl::InvalidArgumentError("not a YAML mapping");
    std::size_t visited = 0;
    Flatten(root, "", 0, &visited, &settings);
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not YAML: ", Printable(error.what())));
  }
  return settings;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, std::size_t max_bytes) {
  auto source = ByteSource::Open(path);
  if (!source.ok()) return source.status();
  return ReadWhole(source->get(), max_bytes);
}

absl::StatusOr<Settings> ReadSettingsYaml(const std::string& path) {
  const auto text = ReadSmallFile(path, kMaxSettingsFileBytes);
  if (!text.ok()) return text.status();
  auto settings = ParseSettingsYaml(*text);
  if (!settings.ok())
    return absl::InvalidArgumentError(absl::StrCat(Printable(path), ": ", settings.status().message()));
  return settings;
}

}  // namespace sextant::importers
