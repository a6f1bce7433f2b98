// SPDX-License-Identifier: Apache-2.0
#include "server/convert/declared.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <cmath>

#include "base/declared_name.h"
#include "base/printable.h"
#include "server/convert/text.h"

namespace sextant::server {
namespace {

using storage::DeclaredColumn;
using DeclaredKind = DeclaredColumn::Kind;

constexpr std::size_t kNamesShown = 16;

template <typename Message>
DeclaredColumn ReadOne(const Message& message, DeclaredKind kind, const std::string& path,
                       std::vector<FieldViolation>& violations) {
  DeclaredColumn column;
  column.kind = kind;
  column.name = message.name();
  column.unit = message.unit();
  column.meaning = message.meaning();
  if (const std::string wrong = WrongDeclaredName(column.name); !wrong.empty()) {
    violations.push_back({path + ".name", wrong});
  }
  CheckText(path + ".unit", column.unit, kMaxDeclaredUnitBytes, violations);
  CheckText(path + ".meaning", column.meaning, kMaxDeclaredMeaningBytes, violations);
  return column;
}

void ReadBounds(const v1::StudyObjective& message, const std::string& path, DeclaredColumn& column,
                std::vector<FieldViolation>& violations) {
  if (message.has_floor()) column.floor = message.floor();
  if (message.has_ceiling()) column.ceiling = message.ceiling();
  if (message.has_floor() && !std::isfinite(column.floor)) {
    violations.push_back({path + ".floor", "not a finite number"});
  }
  if (message.has_ceiling() && !std::isfinite(column.ceiling)) {
    violations.push_back({path + ".ceiling", "not a finite number"});
  }
  if (column.floor >= column.ceiling) violations.push_back({path + ".floor", "not below the ceiling"});
}

bool SameBound(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

std::string OutOfBounds(const DeclaredColumn& column, double value) {
  if (!std::isfinite(value))
    return absl::StrFormat("%g is not a finite number: leave out what is unknown", value);
  if (value < column.floor) {
    return absl::StrFormat("%g is below %g, the floor that the study declares", value, column.floor);
  }
  if (value > column.ceiling) {
    return absl::StrFormat("%g is above %g, the ceiling that the study declares", value, column.ceiling);
  }
  return {};
}

}  // namespace

std::string DeclaredNames(const std::vector<DeclaredColumn>& declared) {
  std::string names;
  for (std::size_t i = 0; i < declared.size() && i < kNamesShown; ++i) {
    absl::StrAppend(&names, i == 0 ? "" : ", ", declared[i].name);
  }
  if (declared.size() > kNamesShown) absl::StrAppend(&names, ", … (", declared.size(), ")");
  return names.empty() ? "none" : names;
}

void DeclaredToProto(const std::vector<DeclaredColumn>& declared, v1::Study& message) {
  for (const DeclaredColumn& column : declared) {
    if (!column.is_objective()) {
      v1::StudyVariable& variable = *message.add_variables();
      variable.set_name(column.name);
      variable.set_unit(column.unit);
      variable.set_meaning(column.meaning);
      continue;
    }
    v1::StudyObjective& objective = *message.add_objectives();
    objective.set_name(column.name);
    objective.set_unit(column.unit);
    objective.set_meaning(column.meaning);
    objective.set_direction(column.kind == DeclaredKind::kMaximized ? v1::MAXIMIZE : v1::MINIMIZE);
    if (!std::isnan(column.floor)) objective.set_floor(column.floor);
    if (!std::isnan(column.ceiling)) objective.set_ceiling(column.ceiling);
  }
}

std::vector<DeclaredColumn> DeclaredFromProto(const v1::Study& message,
                                              std::vector<FieldViolation>& violations) {
  const int count = message.variables_size() + message.objectives_size();
  if (count > static_cast<int>(kMaxDeclared)) {
    violations.push_back(
        {"study.variables",
         absl::StrCat(count, " variables and objectives; a study has at most ", kMaxDeclared)});
    return {};
  }
  std::vector<DeclaredColumn> declared;
  for (int i = 0; i < message.variables_size(); ++i) {
    const std::string path = absl::StrCat("study.variables[", i, "]");
    declared.push_back(ReadOne(message.variables(i), DeclaredKind::kVariable, path, violations));
  }
  for (int i = 0; i < message.objectives_size(); ++i) {
    const v1::StudyObjective& objective = message.objectives(i);
    const std::string path = absl::StrCat("study.objectives[", i, "]");
    const bool maximized = objective.direction() == v1::MAXIMIZE;
    if (!maximized && objective.direction() != v1::MINIMIZE) {
      violations.push_back({path + ".direction", "MINIMIZE or MAXIMIZE"});
    }
    declared.push_back(ReadOne(objective, maximized ? DeclaredKind::kMaximized : DeclaredKind::kMinimized,
                               path, violations));
    ReadBounds(objective, path, declared.back(), violations);
  }
  for (std::size_t i = 0; i < declared.size(); ++i) {
    if (storage::FindDeclared(std::span(declared).first(i), declared[i].name) >= 0) {
      violations.push_back(
          {"study.variables", absl::StrCat("'", Printable(declared[i].name.substr(0, kMaxDeclaredNameBytes)),
                                           "' is declared twice")});
    }
  }
  return declared;
}

void AddDeclared(const std::vector<DeclaredColumn>& given, std::vector<DeclaredColumn>& declared,
                 std::vector<FieldViolation>& violations) {
  for (const DeclaredColumn& column : given) {
    const int place = storage::FindDeclared(declared, column.name);
    if (place < 0) {
      declared.push_back(column);
      continue;
    }
    const DeclaredColumn& held = declared[static_cast<std::size_t>(place)];
    const std::string path = column.is_objective() ? "study.objectives" : "study.variables";
    if (held.kind != column.kind) {
      violations.push_back({path, absl::StrCat("'", column.name, "' is declared already, as another kind")});
    } else if (held.unit != column.unit) {
      violations.push_back({path, absl::StrCat("'", column.name, "' is declared already, in ",
                                               held.unit.empty() ? "no unit" : Printable(held.unit), ", not ",
                                               column.unit.empty() ? "in none" : Printable(column.unit),
                                               ": record what is in another unit under another name")});
    } else if (!SameBound(held.floor, column.floor) || !SameBound(held.ceiling, column.ceiling)) {
      violations.push_back(
          {path, absl::StrCat("'", column.name, "' is declared already, with other bounds")});
    }
  }
  if (declared.size() > kMaxDeclared) {
    violations.push_back(
        {"study.variables",
         absl::StrCat(declared.size(), " variables and objectives; a study has at most ", kMaxDeclared)});
  }
}

void ValuesToProto(const storage::Run& run, const std::vector<DeclaredColumn>& declared, v1::Run& message) {
  for (std::size_t i = 0; i < run.values.size() && i < declared.size(); ++i) {
    if (!std::isnan(run.values[i])) (*message.mutable_variables())[declared[i].name] = run.values[i];
  }
}

void ReadValues(const v1::Run& message, const storage::Study& study, storage::Run& run,
                std::vector<FieldViolation>& violations) {
  if (message.variables().empty()) return;
  run.values.assign(study.declared.size(), storage::kUnknown);
  for (const auto& [name, value] : message.variables()) {
    const int place = storage::FindDeclared(study.declared, name);
    const std::string path = absl::StrCat("variables.", Printable(name.substr(0, kMaxDeclaredNameBytes)));
    if (place < 0) {
      const std::string wrong = WrongDeclaredName(name);
      violations.push_back({path, !wrong.empty()
                                      ? wrong
                                      : absl::StrCat("the study declares no such variable; it has ",
                                                     DeclaredNames(study.declared))});
      continue;
    }
    const DeclaredColumn& column = study.declared[static_cast<std::size_t>(place)];
    if (const std::string wrong = OutOfBounds(column, value); !wrong.empty()) {
      violations.push_back({path, wrong});
      continue;
    }
    run.values[static_cast<std::size_t>(place)] = value;
  }
}

}  // namespace sextant::server
