// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/path_pattern.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

std::string Join(const std::string& folder, const std::string& name) {
  return folder.empty() || folder.back() == '/' ? folder + name : folder + "/" + name;
}

// Matches components[at...] below `folder`; folders that cannot be listed match nothing.
absl::Status Match(const std::string& folder, const std::vector<std::string>& components, std::size_t at,
                   std::size_t depth, std::size_t* visited, std::vector<std::string>* out) {
  std::error_code error;
  if (at == components.size()) {
    out->push_back(folder);
    return absl::OkStatus();
  }
  const std::string& component = components[at];
  const bool any_depth = component == "**";
  if (!any_depth && !IsPathPattern(component)) {
    const std::string next = Join(folder, component);
    if (!fs::exists(fs::symlink_status(next, error))) return absl::OkStatus();
    return Match(next, components, at + 1, depth, visited, out);
  }
  if (any_depth) {
    if (absl::Status none = Match(folder, components, at + 1, depth, visited, out); !none.ok()) return none;
  }
  const auto names = ListFolder(folder.empty() ? "." : folder, visited);
  if (absl::IsResourceExhausted(names.status())) return names.status();
  if (!names.ok() || depth >= kMaxFolderDepth) return absl::OkStatus();
  for (const std::string& name : *names) {
    const std::string next = Join(folder, name);
    const fs::file_status link = fs::symlink_status(next, error);
    if (any_depth) {
      if (!fs::is_directory(link) || name[0] == '.') continue;
    } else {
      if (fnmatch(component.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
      if (at + 1 < components.size() && !fs::is_directory(fs::status(next, error))) continue;
    }
    absl::Status below = Match(next, components, any_depth ? at : at + 1, depth + 1, visited, out);
    if (!below.ok()) return below;
  }
  return absl::OkStatus();
}

}  // namespace

bool IsPathPattern(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder, std::size_t* visited) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (++*visited > kMaxFolderEntries) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", kMaxFolderEntries, " files and folders at ", Printable(folder),
                       "; name a smaller folder, or the files with --files-from"));
    }
    names.push_back(it->path().filename().string());
  }
  if (error) {
    const std::string message = absl::StrCat("cannot list ", Printable(folder), ": ", error.message());
    if (error == std::errc::permission_denied) return absl::PermissionDeniedError(message);
    return absl::UnknownError(message);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<std::string>> ExpandPathPattern(const std::string& pattern, std::size_t* visited) {
  std::vector<std::string> components, paths;
  for (const absl::string_view part : absl::StrSplit(pattern, '/', absl::SkipEmpty())) {
    // "**/**" is "**": each would walk the tree again.
    if (part == "**" && !components.empty() && components.back() == "**") continue;
    components.emplace_back(part);
  }
  const std::string root = !pattern.empty() && pattern[0] == '/' ? "/" : "";
  if (absl::Status matched = Match(root, components, 0, 0, visited, &paths); !matched.ok()) return matched;
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

}  // namespace sextant::importers
