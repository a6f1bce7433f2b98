#include "server/law_table.h"

#include <utility>

#include "server/error.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

absl::StatusOr<LawEntry> MakeEntry(std::shared_ptr<const fitting::Law> law,
                                   std::shared_ptr<const fitting::Catalogue> catalogue) {
  LawEntry entry;
  entry.toml = fitting::LawSpecToToml(law->spec());
  if (law->spec().published()) {
    auto predictor = fitting::Predictor::FromLaw(law, std::move(catalogue));
    if (!predictor.ok()) return predictor.status();
    entry.predictor = *std::move(predictor);
  }
  entry.law = std::move(law);
  return entry;
}

}  // namespace

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
