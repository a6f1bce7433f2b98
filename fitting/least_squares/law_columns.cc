// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/law_columns.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <cmath>
#include <functional>
#include <optional>

#include "base/status_macros.h"
#include "fitting/law/target_names.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

struct NamedField {
  const char* name;      ///< as the API calls it
  const char* variable;  ///< as laws call it; nullptr: only where a column is chosen
  std::vector<double> RunTable::*column;
};
constexpr NamedField kNamedFields[] = {
    {"params", "N", &RunTable::params},
    {"tokens", "D", &RunTable::tokens},
    {"tokens", "x", &RunTable::tokens},
    {"batch_size_tokens", "B", &RunTable::batch_size_tokens},
    {"steps", "S", &RunTable::steps},
    {"loss_nats", "L", &RunTable::loss},
    {"learning_rate", "eta", &RunTable::learning_rate},
    {"sequence_length", nullptr, &RunTable::sequence_length},
    {"weight_decay", "weight_decay", &RunTable::weight_decay},
    {"adam_beta2", "beta2", &RunTable::adam_beta2},
};

/// A column and what it is called.
struct FoundColumn {
  std::string name;
  std::vector<double> values;
};

constexpr char kFlops[] = "6ND", kCurve[] = "curve";

std::vector<double> Flops(const RunTable& runs) {
  std::vector<double> flops(runs.size());
  for (std::size_t row = 0; row < runs.size(); ++row) flops[row] = 6 * runs.params[row] * runs.tokens[row];
  return flops;
}

std::optional<FoundColumn> OfRuns(const std::string& name, const RunTable& runs) {
  if (const auto declared = runs.declared.find(name); declared != runs.declared.end()) {
    return FoundColumn{name, declared->second};
  }
  for (const NamedField& field : kNamedFields) {
    if (name == field.name) return FoundColumn{name, runs.*field.column};
  }
  if (name == kFlops) return FoundColumn{name, Flops(runs)};
  return std::nullopt;
}

std::optional<FoundColumn> OfVariable(const std::string& variable, const RunTable& runs) {
  if (const auto declared = runs.declared.find(variable); declared != runs.declared.end()) {
    return FoundColumn{variable, declared->second};
  }
  for (const NamedField& field : kNamedFields) {
    if (field.variable != nullptr && variable == field.variable)
      return FoundColumn{field.name, runs.*field.column};
  }
  if (variable == "C") return OfRuns(kFlops, runs);
  return std::nullopt;
}

std::string NamesOf(const std::map<std::string, std::vector<double>>& columns) {
  constexpr int kShown = 20;
  std::string names;
  int shown = 0;
  for (const auto& [name, column] : columns) {
    if (shown++ < kShown) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  }
  if (shown > kShown) absl::StrAppend(&names, ", … (", shown, ")");
  return names.empty() ? "none" : names;
}

std::string QuantityOf(const LawSpec& spec) {
  if (spec.target == Target::kOther) return spec.target_name;
  return absl::StrReplaceAll(TargetName(spec.target), {{"-", "_"}});
}

const char* FieldOf(Target target) {
  switch (target) {
    case Target::kLoss:
      return "loss_nats";
    case Target::kLearningRate:
      return "learning_rate";
    case Target::kBatchSizeTokens:
      return "batch_size_tokens";
    case Target::kParams:
      return "params";
    case Target::kTokens:
      return "tokens";
    case Target::kWeightDecay:
      return "weight_decay";
    case Target::kAdamBeta2:
      return "adam_beta2";
    default:
      return nullptr;
  }
}

/// What the law's variables and "y" are chosen to be; InvalidArgument for a name that the law does not have.
absl::StatusOr<ColumnChoice> Normalised(const LawSpec& spec, const ColumnChoice& chosen) {
  ColumnChoice choice;
  for (const auto& [name, column] : chosen) {
    std::string key = name;
    std::string known;
    bool is_variable = false;
    for (const VariableSpec& variable : spec.variables) {
      is_variable = is_variable || variable.name == name;
      absl::StrAppend(&known, variable.name, ", ");
    }
    if (!is_variable && name == QuantityOf(spec)) key = kObservedColumn;
    if (!is_variable && key != kObservedColumn) {
      return absl::InvalidArgumentError(
          absl::StrCat("law '", spec.id, "' has no variable '", name, "' to read from '", column,
                       "'; it has ", known, "and y for the ", QuantityOf(spec), " that it predicts"));
    }
    if (!choice.emplace(key, column).second) {
      return absl::InvalidArgumentError(absl::StrCat("'", key, "' is read from two columns"));
    }
  }
  return choice;
}

struct Columns {
  std::vector<FoundColumn> variables;
  FoundColumn observed;
};

using Find = std::function<std::optional<FoundColumn>(const std::string&)>;

/// Finds every variable and the observed values. `by_choice` and `by_name` find columns; `missing` says what
/// to do.
absl::StatusOr<Columns> FindAll(const LawSpec& spec, const ColumnChoice& choice, const Find& by_choice,
                                const Find& by_name, const Find& observed, const std::string& known,
                                const std::string& remedy) {
  const auto chosen = [&](const std::string& key) -> absl::StatusOr<std::optional<FoundColumn>> {
    const auto at = choice.find(key);
    if (at == choice.end()) return std::optional<FoundColumn>();
    std::optional<FoundColumn> found = by_choice(at->second);
    if (found) return found;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no column '", at->second, "' for '", key, "'; there are ", known));
  };
  Columns columns;
  for (const VariableSpec& variable : spec.variables) {
    ASSIGN_OR_RETURN(std::optional<FoundColumn> found, chosen(variable.name));
    if (!found) found = by_name(variable.name);
    if (!found) {
      return absl::InvalidArgumentError(
          absl::StrCat("law '", spec.id, "' needs '", variable.name, "'",
                       variable.unit.empty() ? "" : absl::StrCat(" (", variable.unit, ")"), ": ",
                       absl::StrReplaceAll(remedy, {{"VARIABLE", variable.name}})));
    }
    columns.variables.push_back(*std::move(found));
  }
  ASSIGN_OR_RETURN(std::optional<FoundColumn> found, chosen(kObservedColumn));
  if (!found) found = observed(QuantityOf(spec));
  if (!found) {
    return absl::InvalidArgumentError(
        absl::StrCat("law '", spec.id, "' predicts ", QuantityOf(spec),
                     ", which the data do not hold: ", absl::StrReplaceAll(remedy, {{"VARIABLE", "y"}})));
  }
  columns.observed = *std::move(found);
  return columns;
}

LawInput Assemble(const LawSpec& spec, Columns columns) {
  LawInput input;
  for (std::size_t v = 0; v < spec.variables.size(); ++v) {
    input.columns[spec.variables[v].name] = columns.variables[v].name;
    input.data.columns.push_back(std::move(columns.variables[v].values));
  }
  input.columns[kObservedColumn] = columns.observed.name;
  input.data.observed = std::move(columns.observed.values);
  return input;
}

/// The rows of `among` that lack nothing; what was left out, and why, goes to the warnings.
absl::StatusOr<std::vector<std::size_t>> Complete(const LawSpec& spec, const std::vector<std::size_t>& among,
                                                  const char* what, bool tell, LawInput& input) {
  std::vector<std::size_t> usable, lacking(spec.variables.size() + 1, 0);  // the last: what is predicted
  for (const std::size_t row : among) {
    bool complete = true;
    const auto check = [&](double value, std::size_t at) {
      if (std::isfinite(value)) return;
      complete = false;
      ++lacking[at];
    };
    for (std::size_t v = 0; v < spec.variables.size(); ++v) check(input.data.columns[v][row], v);
    check(input.data.observed[row], spec.variables.size());
    if (complete) usable.push_back(row);
  }
  std::string reasons;
  for (std::size_t at = 0; at < lacking.size(); ++at) {
    if (lacking[at] == 0) continue;
    const std::string variable = at < spec.variables.size() ? spec.variables[at].name : kObservedColumn;
    absl::StrAppend(&reasons, reasons.empty() ? "" : ", ", lacking[at], " lack ", input.columns[variable]);
  }
  if (usable.empty() && !among.empty() && tell) {
    return NotIdentifiable(
        absl::StrCat("none of ", among.size(), " ", what, " has all that the law needs: ", reasons));
  }
  if (tell && usable.size() < among.size()) {
    input.warnings.push_back(absl::StrCat(among.size() - usable.size(), " of ", among.size(), " ", what,
                                          " are left out: ", reasons));
  }
  return usable;
}

}  // namespace

absl::StatusOr<LawInput> LawInputFromRuns(const Law& law, const RunTable& runs, const ColumnChoice& chosen) {
  const LawSpec& spec = law.spec();
  ASSIGN_OR_RETURN(const ColumnChoice choice, Normalised(spec, chosen));
  const std::string known = absl::StrCat(
      "params, tokens, batch_size_tokens, steps, loss_nats, learning_rate, sequence_length, weight_decay, "
      "adam_beta2, 6ND and what the study declares (",
      NamesOf(runs.declared), ")");
  ASSIGN_OR_RETURN(
      Columns columns,
      FindAll(
          spec, choice, [&](const std::string& name) { return OfRuns(name, runs); },
          [&](const std::string& name) { return OfVariable(name, runs); },
          [&](const std::string& name) -> std::optional<FoundColumn> {
            const char* field = FieldOf(spec.target);
            if (field != nullptr) return OfRuns(field, runs);
            const auto declared = runs.declared.find(name);
            if (declared != runs.declared.end()) return FoundColumn{name, declared->second};
            // A learning curve is one of the loss unless the study says otherwise.
            return name == kCurve ? OfRuns("loss_nats", runs) : std::nullopt;
          },
          known,
          absl::StrCat(
              "no field of runs, and nothing that the study declares, has this name (it declares ",
              NamesOf(runs.declared),
              "). Declare it (UpdateStudy: VARIABLE) and import it, say what "
              "the study calls it (columns[VARIABLE]), or give the data as a table (table, columns)")));
  LawInput input = Assemble(spec, std::move(columns));
  bool own = false;
  for (const auto& [variable, column] : input.columns) own = own || runs.declared.contains(column);
  std::vector<std::size_t> finished;
  for (std::size_t row = 0; row < runs.size(); ++row) {
    const RunState state = runs.state.empty() ? RunState::kFinished : runs.state[row];
    if (state == RunState::kDiverged || state == RunState::kCrashed || state == RunState::kRunning) continue;
    finished.push_back(row);
  }
  ASSIGN_OR_RETURN(const std::vector<std::size_t> usable,
                   Complete(spec, finished, "finished runs", own, input));
  input.data.run_ids = runs.id;
  for (std::size_t row = 0; row < runs.size(); ++row) {
    std::string cell = absl::StrCat(runs.params[row], "/", runs.tokens[row]);
    for (std::size_t v = 0; own && v < input.data.columns.size(); ++v) {
      absl::StrAppend(&cell, "/", input.data.columns[v][row]);
    }
    input.data.cell_ids.push_back(std::move(cell));
  }
  input.data = SelectRows(input.data, usable);
  return input;
}

absl::StatusOr<LawInput> LawInputFromColumns(const Law& law, const DataColumns& table,
                                             const ColumnChoice& chosen) {
  const LawSpec& spec = law.spec();
  ASSIGN_OR_RETURN(const ColumnChoice choice, Normalised(spec, chosen));
  const auto by_name = [&](const std::string& name) -> std::optional<FoundColumn> {
    const auto found = table.columns.find(name);
    if (found == table.columns.end()) return std::nullopt;
    return FoundColumn{name, found->second};
  };
  ASSIGN_OR_RETURN(Columns columns, FindAll(
                                        spec, choice, by_name, by_name,
                                        [&](const std::string& name) {
                                          std::optional<FoundColumn> found = by_name(kObservedColumn);
                                          return found ? found : by_name(name);
                                        },
                                        NamesOf(table.columns),
                                        absl::StrCat("the table's columns are ", NamesOf(table.columns),
                                                     "; say which it is (columns)")));
  LawInput input = Assemble(spec, std::move(columns));
  std::vector<std::size_t> all(table.rows());
  for (std::size_t row = 0; row < all.size(); ++row) all[row] = row;
  ASSIGN_OR_RETURN(const std::vector<std::size_t> usable, Complete(spec, all, "rows", true, input));
  input.data.run_ids = table.row_ids;
  input.data.cell_ids = table.cell_ids;
  if (table.cell_ids.empty()) {
    for (std::size_t row = 0; row < all.size(); ++row) {
      std::string cell;
      for (const std::vector<double>& column : input.data.columns) absl::StrAppend(&cell, column[row], "/");
      input.data.cell_ids.push_back(std::move(cell));
    }
  }
  input.data = SelectRows(input.data, usable);
  return input;
}

absl::StatusOr<LawData> LawDataFromRuns(const Law& law, const RunTable& runs) {
  ASSIGN_OR_RETURN(LawInput input, LawInputFromRuns(law, runs, {}));
  return std::move(input.data);
}

}  // namespace sextant::fitting
