// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "base/status_macros.h"
#include "fitting/law/law.h"

namespace sextant::fitting {
namespace {

constexpr std::uintmax_t kMaxLawFileBytes = 64 * 1024;

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(path.string() + ": " + error.message());
  if (size > kMaxLawFileBytes) {
    return absl::InvalidArgumentError(path.string() + ": " + std::to_string(size) + " bytes; at most " +
                                      std::to_string(kMaxLawFileBytes) + " are allowed");
  }
  std::ifstream in(path, std::ios::binary);
  std::string text(size, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(size)))
    return absl::InternalError(path.string() + ": cannot be read");
  return text;
}

absl::Status Prefixed(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), path + ": " + std::string(status.message()));
}

// Variables that other laws supply: those laws exist, and following them ends.
absl::Status CheckReferences(const std::map<std::string, std::shared_ptr<const Law>>& laws) {
  std::set<std::string> settled;
  for (const auto& [start, unused] : laws) {
    // Depth first without recursion: `path` is the chain of laws being followed, each with its next variable.
    std::vector<std::pair<std::string, std::size_t>> path = {{start, 0}};
    while (!path.empty()) {
      auto& [id, next] = path.back();
      const std::vector<VariableSpec>& variables = laws.at(id)->spec().variables;
      if (settled.contains(id) || next == variables.size()) {
        settled.insert(id);
        path.pop_back();
        continue;
      }
      const VariableSpec& variable = variables[next++];
      if (variable.from_law.empty()) continue;
      const std::string where =
          "law '" + id + "': variable '" + variable.name + "' comes from law '" + variable.from_law;
      if (!laws.contains(variable.from_law))
        return absl::InvalidArgumentError(where + "', which does not exist");
      for (const auto& step : path) {
        if (step.first == variable.from_law) return absl::InvalidArgumentError(where + "', in a circle");
      }
      path.emplace_back(variable.from_law, 0);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Catalogue>> Catalogue::Load(const std::string& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".toml") paths.push_back(entry->path());
  }
  if (error) return absl::NotFoundError("law folder " + folder + ": " + error.message());
  std::sort(paths.begin(), paths.end());

  std::vector<std::pair<std::string, std::string>> texts;
  for (const std::filesystem::path& path : paths) {
    ASSIGN_OR_RETURN(std::string text, ReadFile(path));
    texts.emplace_back(path.string(), std::move(text));
  }
  return FromTexts(texts);
}

absl::StatusOr<std::shared_ptr<const Catalogue>> Catalogue::FromTexts(
    const std::vector<std::pair<std::string, std::string>>& texts, Derivatives derivatives) {
  auto catalogue = std::make_shared<Catalogue>();
  std::map<std::string, std::string> name_of;
  for (const auto& [name, text] : texts) {
    absl::StatusOr<LawSpec> spec = ParseLawSpec(text);
    if (!spec.ok()) return Prefixed(name, spec.status());
    const std::string id = spec->id;
    auto [known, added] = name_of.emplace(id, name);
    if (!added) {
      return absl::InvalidArgumentError(name + ": law id '" + id + "' is already taken by " + known->second);
    }
    absl::StatusOr<std::shared_ptr<const Law>> law = Law::Compile(*std::move(spec), derivatives);
    if (!law.ok()) return Prefixed(name, law.status());
    catalogue->laws_.emplace(id, *std::move(law));
  }
  RETURN_IF_ERROR(CheckReferences(catalogue->laws_));
  return std::shared_ptr<const Catalogue>(std::move(catalogue));
}

std::shared_ptr<const Law> Catalogue::Find(const std::string& id) const {
  auto found = laws_.find(id);
  return found == laws_.end() ? nullptr : found->second;
}

}  // namespace sextant::fitting
