// SPDX-License-Identifier: Apache-2.0
#include "server/run_groups.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>

#include "server/error.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

constexpr int kMaxGroupNames = 16;
constexpr char kTagNames[] = "tags.";

double DeclaredValue(const storage::Run& run, int place) {
  const auto at = static_cast<std::size_t>(place);
  return at < run.values.size() ? run.values[at] : storage::kUnknown;
}

std::string ValueOf(const storage::Run& run, const storage::Study& study, const std::string& name) {
  if (name == "optimizer") return run.optimizer;
  if (name == "schedule") return run.schedule;
  if (name.rfind(kTagNames, 0) == 0) {
    const auto tag = run.tags.find(name.substr(sizeof(kTagNames) - 1));
    return tag == run.tags.end() ? "" : tag->second;
  }
  const int place = storage::FindDeclared(study.declared, name);
  const double value = place < 0 ? storage::kUnknown : DeclaredValue(run, place);
  return std::isnan(value) ? "" : absl::StrCat(value);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> GroupNames(
    const google::protobuf::RepeatedPtrField<std::string>& given, const storage::Study& study) {
  if (given.size() > kMaxGroupNames)
    return InvalidField("group_by", absl::StrCat("at most ", kMaxGroupNames));
  std::vector<std::string> names(given.begin(), given.end());
  for (const std::string& name : names) {
    const bool is_tag = name.rfind(kTagNames, 0) == 0 && name.size() >= sizeof(kTagNames);
    if (name == "optimizer" || name == "schedule" || is_tag) continue;
    if (storage::FindDeclared(study.declared, name) >= 0) continue;
    return InvalidField("group_by",
                        absl::StrCat("'", name.substr(0, kMaxLabelKeyBytes),
                                     "' is none of optimizer, schedule, tags.KEY and the study's variables"));
  }
  // Optimizers are never pooled.
  if (std::find(names.begin(), names.end(), "optimizer") == names.end()) names.emplace_back("optimizer");
  return names;
}

std::map<std::string, std::string> GroupOf(const storage::Run& run, const storage::Study& study,
                                           const std::vector<std::string>& names) {
  std::map<std::string, std::string> group;
  for (const std::string& name : names) {
    std::string value = ValueOf(run, study, name);
    if (!value.empty()) group[name] = std::move(value);
  }
  return group;
}

std::string GroupText(const std::map<std::string, std::string>& group) {
  std::string text;
  for (const auto& [name, value] : group)
    absl::StrAppend(&text, text.empty() ? "" : ", ", name, " = ", value);
  return text;
}

}  // namespace sextant::server
