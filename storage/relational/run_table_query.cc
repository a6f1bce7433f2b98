// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/str_cat.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status_macros.h"
#include "storage/relational/rows/condition_sql.h"
#include "storage/relational/rows/declared_rows.h"
#include "storage/relational/rows/study_rows.h"
#include "storage/relational/run_queries.h"
#include "storage/relational/sql/json_text.h"
#include "storage/run_fields.h"

namespace sextant::storage::relational {
namespace {

void Reserve(std::size_t runs, fitting::RunTable& table) {
  table.id.reserve(runs);
  table.state.reserve(runs);
  table.model.reserve(runs);
  table.recipe.reserve(runs);
  table.params.reserve(runs);
  for (const TableColumn& each : kTableColumns) (table.*each.column).reserve(runs);
}

// The id and the state, what fitting::RunTable holds, then what tells models apart.
void AddTableColumns(ParamCount count, SqlText& text) {
  text.Add(absl::StrCat("SELECT r.id, r.state, r.", QuantityOf(ParamsMember(count)).column));
  for (const TableColumn& each : kTableColumns) text.Add(absl::StrCat(", r.", QuantityOf(each.value).column));
  for (const auto count_member : kModelCounts)
    text.Add(absl::StrCat(", r.", QuantityOf(count_member).column));
  text.Add(", r.declared, r.schedule, r.optimizer, r.tags");
}

constexpr const char* kTokenizerTag = "tokenizer";

/// The tag that says which tokenizer the run's tokens are of, or empty.
absl::StatusOr<std::string> TokenizerOf(std::string_view tags) {
  static const std::string written = JsonString(kTokenizerTag) + ":";
  if (tags.find(written) == std::string_view::npos) return "";
  std::map<std::string, std::string> values;
  RETURN_IF_ERROR(FromJson(tags, values));
  return values[kTokenizerTag];
}

/// How a filter would name the runs of a schedule, an optimizer and a tokenizer; empty where none is known.
std::string RecipeOf(std::string_view schedule, std::string_view optimizer, std::string_view tokenizer) {
  std::string recipe;
  const auto add = [&recipe](std::string_view field, std::string_view value) {
    if (value.empty()) return;
    if (!recipe.empty()) recipe.append(" AND ");
    recipe.append(field).append(" = ").append(value);
  };
  add("schedule", schedule);
  add("optimizer", optimizer);
  if (!tokenizer.empty()) add("tags.tokenizer", std::string("\"").append(tokenizer).append("\""));
  return recipe;
}

}  // namespace

absl::StatusOr<fitting::RunTable> SelectRunTable(Connection& connection, const std::string& study_id,
                                                 const std::vector<Condition>& where) {
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  SqlText text(connection);
  AddTableColumns(study.param_count, text);
  text.Add(" FROM runs r WHERE r.study_key = ");
  text.AddValue(study.key);
  RETURN_IF_ERROR(AddConditions(where, text));
  text.Add(" ORDER BY r.id");
  ASSIGN_OR_RETURN(auto statement, PrepareText(connection, text));
  ASSIGN_OR_RETURN(const auto declared, ReadDeclared(connection, study.key));
  fitting::RunTable table;
  std::vector<std::vector<double>*> values;
  for (const DeclaredColumn& column : declared) values.push_back(&table.declared[column.name]);
  std::vector<double> of_run;
  std::map<std::string, std::int32_t> recipes;
  if (where.empty()) Reserve(static_cast<std::size_t>(study.run_count), table);
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return table;
    table.id.emplace_back(statement.Text(0));
    table.state.push_back(static_cast<fitting::RunState>(statement.Int(1)));
    table.params.push_back(statement.Real(2));
    int at = 3;
    for (const TableColumn& each : kTableColumns) (table.*each.column).push_back(statement.Real(at++));
    table.model.push_back(
        ModelKey(statement.Real(at), statement.Real(at + 1), statement.Real(at + 2), statement.Real(at + 3)));
    at += static_cast<int>(kModelCounts.size());
    if (!values.empty()) statement.Reals(at, of_run);
    for (std::size_t place = 0; place < values.size(); ++place) {
      const double value = place < of_run.size() ? of_run[place] : kUnknown;
      values[place]->push_back(value);
      // Runs of different mixtures, precisions, … are no race between rates.
      if (!declared[place].is_objective()) table.model.back() = AddToModelKey(table.model.back(), value);
    }
    ASSIGN_OR_RETURN(const std::string tokenizer, TokenizerOf(statement.Text(at + 3)));
    std::string recipe = RecipeOf(statement.Text(at + 1), statement.Text(at + 2), tokenizer);
    if (recipe.empty()) {
      table.recipe.push_back(-1);
      continue;
    }
    const auto [it, fresh] =
        recipes.try_emplace(std::move(recipe), static_cast<std::int32_t>(recipes.size()));
    if (fresh) table.recipes.push_back(it->first);
    table.recipe.push_back(it->second);
  }
}

}  // namespace sextant::storage::relational
