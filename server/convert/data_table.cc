// SPDX-License-Identifier: Apache-2.0
#include "server/convert/data_table.h"

#include <absl/strings/str_cat.h>

#include "base/printable.h"
#include "server/convert/text.h"
#include "server/limits.h"

namespace sextant::server {

DataTable DataTableFromProto(const v1::DataTable& message, std::vector<FieldViolation>& violations) {
  DataTable table;
  CheckText("table.source", message.source(), kMaxRunSourceBytes, violations);
  table.numbers.source = message.source().empty() ? "table" : absl::StrCat("table ", message.source());
  if (message.columns_size() == 0) violations.push_back({"table.columns", "missing"});
  if (message.columns_size() > kMaxTableColumns) {
    violations.push_back({"table.columns", absl::StrCat("more than ", kMaxTableColumns)});
    return table;
  }
  for (int i = 0; i < message.columns_size(); ++i) {
    const v1::DataColumn& column = message.columns(i);
    const std::string path = absl::StrCat("table.columns[", i, "]");
    const bool of_text = column.texts_size() > 0;
    const int rows = of_text ? column.texts_size() : column.values_size();
    if (column.name().empty()) violations.push_back({path + ".name", "missing"});
    CheckText(path + ".name", column.name(), kMaxRunTextBytes, violations);
    if (of_text && column.values_size() > 0) violations.push_back({path, "holds numbers and texts"});
    if (rows == 0 || rows > kMaxTableRows) {
      violations.push_back({path, absl::StrCat("has ", rows, " rows; 1 to ", kMaxTableRows, " are taken")});
    }
    if (i > 0 && static_cast<std::size_t>(rows) != table.rows) {
      violations.push_back({path, absl::StrCat("has ", rows, " rows, the first column ", table.rows)});
    }
    table.rows = i == 0 ? static_cast<std::size_t>(rows) : table.rows;
    bool is_new = false;
    if (of_text) {
      for (const std::string& text : column.texts()) {
        if (text.size() <= kMaxRunTextBytes) continue;
        violations.push_back(
            {path + ".texts", absl::StrCat("one is longer than ", kMaxRunTextBytes, " bytes")});
        break;
      }
      is_new = table.texts.try_emplace(column.name(), column.texts().begin(), column.texts().end()).second &&
               !table.numbers.columns.contains(column.name());
    } else {
      is_new =
          table.numbers.columns.try_emplace(column.name(), column.values().begin(), column.values().end())
              .second &&
          !table.texts.contains(column.name());
    }
    if (!is_new)
      violations.push_back({path + ".name", absl::StrCat("'", Printable(column.name()), "' comes twice")});
  }
  return table;
}

}  // namespace sextant::server
