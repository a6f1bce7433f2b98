// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/declared_rows.h"

#include <absl/strings/str_cat.h>

#include <array>
#include <cmath>

#include "base/declared_name.h"
#include "base/status_macros.h"
#include "storage/relational/sql/json_text.h"
#include "storage/snapshot.h"

namespace sextant::storage::relational {

absl::Status CheckDeclared(std::span<const DeclaredColumn> declared) {
  if (declared.size() > kMaxDeclared) {
    return absl::InvalidArgumentError(absl::StrCat("a study declares at most ", kMaxDeclared,
                                                   " variables and objectives, not ", declared.size()));
  }
  for (std::size_t i = 0; i < declared.size(); ++i) {
    const DeclaredColumn& column = declared[i];
    if (const std::string wrong = WrongDeclaredName(column.name); !wrong.empty()) {
      return absl::InvalidArgumentError(wrong);
    }
    if (FindDeclared(declared.first(i), column.name) >= 0) {
      return absl::InvalidArgumentError(absl::StrCat("'", column.name, "' is declared twice"));
    }
    RETURN_IF_ERROR(CheckText(column.unit, "a unit"));
    RETURN_IF_ERROR(CheckText(column.meaning, "a meaning"));
  }
  return absl::OkStatus();
}

absl::Status WriteDeclared(Connection& connection, std::int64_t study_key,
                           std::span<const DeclaredColumn> declared) {
  ASSIGN_OR_RETURN(auto forget, connection.Prepare("DELETE FROM study_columns WHERE study_key = ?"));
  RETURN_IF_ERROR(forget.Next(study_key).Run());
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("INSERT INTO study_columns VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
  std::int64_t position = 0;
  for (const DeclaredColumn& column : declared) {
    statement.Next(study_key).Next(position++).Next(static_cast<std::int64_t>(column.kind));
    statement.NextTextView(column.name).NextTextView(column.unit).NextTextView(column.meaning);
    statement.Next(column.floor).Next(column.ceiling);
    RETURN_IF_ERROR(statement.Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeclaredColumn>> ReadDeclared(Connection& connection, std::int64_t study_key) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("SELECT kind, name, unit, meaning, floor, ceiling FROM study_columns "
                                      "WHERE study_key = ? ORDER BY position"));
  statement.Next(study_key);
  std::vector<DeclaredColumn> declared;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return declared;
    DeclaredColumn& column = declared.emplace_back();
    column.kind = static_cast<DeclaredColumn::Kind>(statement.Int(0));
    column.name = statement.Text(1);
    column.unit = statement.Text(2);
    column.meaning = statement.Text(3);
    column.floor = statement.Real(4);
    column.ceiling = statement.Real(5);
  }
}

std::span<const double> KnownValues(const std::vector<double>& values) {
  std::size_t known = values.size();
  while (known > 0 && std::isnan(values[known - 1])) --known;
  return std::span(values).first(known);
}

const RunField& DeclaredRunField(int place) {
  struct Fields {
    std::array<std::string, kMaxDeclared> names;
    std::array<RunField, kMaxDeclared> fields;
  };
  static const Fields* const all = [] {
    auto* made = new Fields;
    for (std::size_t i = 0; i < kMaxDeclared; ++i) {
      made->names[i] = DeclaredField(static_cast<int>(i));
      made->fields[i].name = made->fields[i].column = made->names[i].c_str();
    }
    return made;
  }();
  return all->fields[static_cast<std::size_t>(place)];
}

std::string FieldSql(const RunField& field) {
  const int place = DeclaredPlace(field.column);
  if (place < 0) return absl::StrCat("r.", field.column);
  return absl::StrCat("declared_value(r.declared, ", place, ")");
}

}  // namespace sextant::storage::relational
