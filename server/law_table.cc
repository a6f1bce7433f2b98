// SPDX-License-Identifier: Apache-2.0
#include "server/law_table.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/edit_distance.h"
#include "base/status_macros.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"

namespace sextant::server {
namespace {

absl::StatusOr<LawEntry> MakeEntry(std::shared_ptr<const fitting::Law> law,
                                   std::shared_ptr<const fitting::Catalogue> catalogue) {
  LawEntry entry;
  entry.toml = fitting::LawSpecToToml(law->spec());
  if (law->spec().published()) {
    ASSIGN_OR_RETURN(auto predictor, fitting::Predictor::FromLaw(law, std::move(catalogue)));
    entry.predictor = std::move(predictor);
  }
  entry.law = std::move(law);
  return entry;
}

bool AreClose(const std::string& a, const std::string& b) {
  return EditDistance(a, b) <= std::max<std::size_t>(1, a.size() / 4);
}

// One holds the other, or `id` is nearly one of the words of `known`.
bool SharesAPart(const std::string& id, const std::string& known) {
  constexpr std::size_t kShortestPart = 3, kShortestWord = 5;
  if (id.size() < kShortestPart) return false;
  if (absl::StrContains(known, id) || absl::StrContains(id, known)) return true;
  const std::vector<std::string> words = absl::StrSplit(known, '-');
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return word.size() >= kShortestWord && AreClose(id, word);
  });
}

}  // namespace

absl::Status MissingLaw(const LawTable::Snapshot& laws, const std::string& id) {
  constexpr std::size_t kMostNamed = 4, kLongestId = 64;
  std::vector<std::pair<std::size_t, std::string>> near;  // distance, id; those that share a part come first
  if (id.size() <= kLongestId) {
    for (const auto& [known, entry] : laws) {
      const bool shares = SharesAPart(id, known);
      if (shares || AreClose(id, known)) {
        near.emplace_back(EditDistance(id, known) + (shares ? 0 : kLongestId), known);
      }
    }
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> named;
  for (std::size_t i = 0; i < near.size() && i < kMostNamed; ++i) named.push_back(near[i].second);
  return MissingResource("law", LawName(id),
                         named.empty() ? "" : absl::StrCat("; near it: ", absl::StrJoin(named, ", ")));
}

absl::StatusOr<std::unique_ptr<LawTable>> LawTable::Create(
    std::shared_ptr<const fitting::Catalogue> catalogue) {
  std::unique_ptr<LawTable> table(new LawTable(catalogue));
  auto snapshot = std::make_shared<Snapshot>();
  for (const auto& [id, law] : catalogue->laws()) {
    auto entry = MakeEntry(law, catalogue);
    if (!entry.ok()) {
      return absl::Status(entry.status().code(), "law " + id + ": " + std::string(entry.status().message()));
    }
    snapshot->emplace(id, *std::move(entry));
  }
  table->snapshot_.store(std::move(snapshot));
  return table;
}

absl::StatusOr<LawEntry> LawTable::Compile(const storage::UserLaw& user_law) const {
  if (user_law.toml.size() > kMaxLawBytes) {
    return InvalidField("toml", "longer than " + std::to_string(kMaxLawBytes) + " bytes");
  }
  auto spec = fitting::ParseLawSpec(user_law.toml);
  if (!spec.ok()) return InvalidField("toml", std::string(spec.status().message()));
  auto law = fitting::Law::Compile(*std::move(spec));
  if (!law.ok()) return InvalidField("toml", std::string(law.status().message()));
  auto entry = MakeEntry(*std::move(law), catalogue_);
  if (!entry.ok()) return InvalidField("toml", std::string(entry.status().message()));
  entry->toml = user_law.toml;
  entry->built_in = false;
  entry->create_time = user_law.create_time;
  return entry;
}

void LawTable::Put(LawEntry entry) {
  std::lock_guard lock(change_);
  auto next = std::make_shared<Snapshot>(*snapshot_.load());
  const std::string id = entry.law->spec().id;
  next->insert_or_assign(id, std::move(entry));
  snapshot_.store(std::move(next));
}

void LawTable::Remove(const std::string& id) {
  std::lock_guard lock(change_);
  auto next = std::make_shared<Snapshot>(*snapshot_.load());
  next->erase(id);
  snapshot_.store(std::move(next));
}

}  // namespace sextant::server
