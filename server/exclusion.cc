// SPDX-License-Identifier: Apache-2.0
#include "server/exclusion.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "base/status_macros.h"

namespace sextant::server {
namespace {

using storage::Condition;

bool SpeaksOfExclusion(const Condition& condition) {
  return (condition.kind == Condition::Kind::kHasLabel && condition.text.starts_with(kExcludedLabel)) ||
         std::any_of(condition.children.begin(), condition.children.end(), &SpeaksOfExclusion);
}

}  // namespace

absl::StatusOr<Exclusion> WithoutExcluded(storage::Snapshot& snapshot, const std::string& study,
                                          const std::vector<Condition>& where) {
  Exclusion out{where, 0};
  if (std::any_of(where.begin(), where.end(), &SpeaksOfExclusion)) return out;
  Condition excluded;
  excluded.kind = Condition::Kind::kHasLabel;
  excluded.text = kExcludedLabel;
  std::vector<Condition> both = where;
  both.push_back(excluded);
  ASSIGN_OR_RETURN(const auto runs, snapshot.LoadRunTable(study, both));
  out.runs = runs.size();
  if (out.runs == 0) return out;
  Condition others;
  others.kind = Condition::Kind::kNot;
  others.children.push_back(std::move(excluded));
  out.where.push_back(std::move(others));
  return out;
}

std::string ExcludedWarning(std::size_t runs) {
  if (runs == 0) return {};
  return absl::StrCat(runs, runs == 1 ? " run is" : " runs are", " left out because ",
                      runs == 1 ? "it was" : "they were",
                      " excluded by hand; the filter 'labels:excluded' lists them");
}

}  // namespace sextant::server
