// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/event_files.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/log/record_stream.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

enum class Content { kOther, kNone, kEvents };

Content ContentOf(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return Content::kOther;
  auto source = ByteSource::Open(path);
  const auto head = source.ok() ? (*source)->Head() : source.status();
  if (!head.ok()) return Content::kOther;
  // What a writer leaves that has not flushed anything yet.
  if (head->empty()) return Content::kNone;
  return BeginsWithTfRecord(*head) ? Content::kEvents : Content::kOther;
}

struct Group {
  fs::path folder;                   // as it was written first
  std::vector<std::size_t> members;  // of the inputs, in their order
  bool has_events = false;
};

// By the folders themselves, however they are written.
std::map<fs::path, Group> GroupsOf(const std::vector<Input>& inputs) {
  std::map<fs::path, Group> groups;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const fs::path path = inputs[i].path;
    if (inputs[i].found || !IsEventFileName(path.filename().string())) continue;
    const Content content = ContentOf(inputs[i].path);
    if (content == Content::kOther) continue;
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    Group& group = groups[error ? folder : real];
    if (group.members.empty()) group.folder = folder;
    group.members.push_back(i);
    group.has_events |= content == Content::kEvents;
  }
  for (auto it = groups.begin(); it != groups.end();) {
    const auto run = IsHparamsFolderName(it->first.filename().string()) ? groups.find(it->first.parent_path())
                                                                        : groups.end();
    if (run == groups.end()) {
      ++it;
      continue;
    }
    std::vector<std::size_t>& members = run->second.members;
    members.insert(members.end(), it->second.members.begin(), it->second.members.end());
    it = groups.erase(it);
  }
  return groups;
}

// Parts in name order, those of folders inside last.
std::vector<std::string> PartsOf(const Group& group, const std::vector<Input>& inputs) {
  std::vector<std::tuple<bool, std::string, std::string>> order;
  for (const std::size_t member : group.members) {
    const fs::path path = inputs[member].path;
    std::error_code error;
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    order.emplace_back(!fs::equivalent(folder, group.folder, error), path.filename().string(), path.string());
  }
  std::sort(order.begin(), order.end());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  std::vector<std::string> parts;
  for (const auto& [inside, name, path] : order) parts.push_back(path);
  return parts;
}

}  // namespace

bool IsEventFileName(const std::string& name) { return name.find("tfevents") != std::string::npos; }

bool IsHparamsFolderName(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789.") == std::string::npos;
}

void GroupEventFiles(std::vector<Input>* inputs) {
  const std::map<fs::path, Group> groups = GroupsOf(*inputs);
  std::map<std::string, int> named;
  for (const auto& [real, group] : groups) ++named[real.filename().string()];
  std::map<std::size_t, Input> made;  // by the place of the first file
  std::vector<bool> taken(inputs->size());
  for (const auto& [real, group] : groups) {
    if (!group.has_events) continue;
    Input input;
    input.path = group.folder.string();
    input.format = "tensorboard";
    input.parts = PartsOf(group, *inputs);
    input.why = absl::StrCat(input.parts.size(), " event files of one folder");
    const std::string own = real.filename().string();
    input.run_name = own.empty() || named[own] > 1 ? input.path : own;
    const fs::path settings = group.folder / "hparams.yaml";
    std::error_code error;
    if (fs::is_regular_file(settings, error)) input.settings = settings.string();
    for (const std::size_t member : group.members) taken[member] = true;
    made.emplace(*std::min_element(group.members.begin(), group.members.end()), std::move(input));
  }
  std::vector<Input> out;
  for (std::size_t i = 0; i < inputs->size(); ++i) {
    const auto group = made.find(i);
    if (group != made.end()) {
      out.push_back(std::move(group->second));
    } else if (!taken[i]) {
      out.push_back(std::move((*inputs)[i]));
    }
  }
  *inputs = std::move(out);
}

}  // namespace sextant::importers
