// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/recipe.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "clients/importers/fields.h"
#include "clients/importers/limits.h"
#include "clients/importers/settings_yaml.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

bool Has(const std::string& lower, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return lower.find(word) != std::string::npos; });
}

// The quantity that a name looks like, or empty.
std::string LooksLike(const std::string& name) {
  const std::string lower = ToLower(name);
  if (Has(lower, {"loss", "nll", "cross_entropy", "crossentropy"}) && !Has(lower, {"scale"}))
    return Has(lower, {"val", "eval", "test", "dev"}) ? "validation_loss" : "train_loss";
  if (Has(lower, {"learning_rate", "learning-rate", "lr"})) return "learning_rate";
  if (Has(lower, {"tokens"}) && !Has(lower, {"per", "/s"})) return "tokens";
  return {};
}

// The field that the last part of a setting's key is called like, or null: "optimizer.lr" is learning_rate.
const NumberField* FieldCalled(const std::string& key) {
  const std::string last = key.substr(key.find_last_of("./") + 1);
  for (const NumberField& field : NumberFields()) {
    if (field.rule == NumberRule::kLoss || field.name == "steps" || field.name == "tokens") continue;
    const bool alias = std::find(field.aliases.begin(), field.aliases.end(), last) != field.aliases.end();
    if (field.name == last || alias) return &field;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<Recipe> ParseRecipe(std::string_view text) {
  Recipe recipe;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string word(line.substr(0, space)), rest(Trim(line.substr(space)));
    const std::size_t flags = recipe.maps.size() + recipe.sets.size() + recipe.metrics.size();
    if (rest.empty() || flags > kMaxSettings) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number,
                       flags > kMaxSettings ? ": too many lines" : ": nothing stands behind ", Quoted(word)));
    }
    if (word == "format") {
      recipe.format = rest;
    } else if (word == "map") {
      recipe.maps.push_back(rest);
    } else if (word == "set") {
      recipe.sets.push_back(rest);
    } else if (word == "metric") {
      recipe.metrics.push_back(rest);
    } else if (const auto offset = ParseInt64(rest); word == "step-offset" && offset) {
      recipe.step_offset = *offset;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", Quoted(line),
                                                     " is none of format NAME, map FIELD=COLUMN, set "
                                                     "FIELD=VALUE, metric NAME=QUANTITY, step-offset N"));
    }
  }
  return recipe;
}

absl::StatusOr<Recipe> ReadRecipe(const std::string& path) {
  const auto text = ReadSmallFile(path, kMaxSettingsFileBytes);
  if (!text.ok()) return text.status();
  auto recipe = ParseRecipe(*text);
  if (recipe.ok()) return recipe;
  return absl::InvalidArgumentError(absl::StrCat(Printable(path), ": ", recipe.status().message()));
}

std::string WriteRecipe(const Recipe& recipe, const std::vector<std::string>& comments) {
  std::string out;
  for (const std::string& comment : comments) absl::StrAppend(&out, "# ", comment, "\n");
  if (!recipe.format.empty()) absl::StrAppend(&out, "format ", recipe.format, "\n");
  for (const std::string& map : recipe.maps) absl::StrAppend(&out, "map ", map, "\n");
  for (const std::string& set : recipe.sets) absl::StrAppend(&out, "set ", set, "\n");
  for (const std::string& metric : recipe.metrics) absl::StrAppend(&out, "metric ", metric, "\n");
  if (recipe.step_offset) absl::StrAppend(&out, "step-offset ", *recipe.step_offset, "\n");
  return out;
}

std::vector<std::string> Suggest(const FileReport& report) {
  std::set<std::string> quantities, fields;
  for (const auto& [name, metric] : report.metrics) quantities.insert(metric.quantity);
  for (const auto& [key, field] : report.settings) fields.insert(field);
  std::vector<std::string> lines;
  for (const auto& [name, metric] : report.metrics) {
    const std::string quantity = metric.quantity.empty() ? LooksLike(name) : std::string();
    if (!quantity.empty() && quantities.count(quantity) == 0)
      lines.push_back(absl::StrCat("metric ", name, "=", quantity));
  }
  for (const auto& [key, taken] : report.settings) {
    const NumberField* field = taken.empty() ? FieldCalled(key) : nullptr;
    if (field != nullptr && fields.count(field->name) == 0)
      lines.push_back(absl::StrCat("map ", field->name, "=", key));
  }
  return lines;
}

}  // namespace sextant::importers
