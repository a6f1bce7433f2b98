// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sql/declared_function.h"

#include <sqlite3.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace sextant::storage::sqlite {
namespace {

// declared_value(bytes, place): NULL where the run does not say.
void DeclaredValue(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_value_blob(arguments[0]));
  const sqlite3_int64 place = sqlite3_value_int64(arguments[1]);
  if (bytes == nullptr || place < 0) return sqlite3_result_null(context);
  if ((place + 1) * static_cast<sqlite3_int64>(sizeof(double)) > sqlite3_value_bytes(arguments[0])) {
    return sqlite3_result_null(context);
  }
  double value = 0;
  std::memcpy(&value, bytes + place * static_cast<sqlite3_int64>(sizeof(double)), sizeof(double));
  if (std::isnan(value)) return sqlite3_result_null(context);
  sqlite3_result_double(context, value);
}

}  // namespace

absl::Status AddDeclaredFunction(Connection& connection) {
  const int code = sqlite3_create_function_v2(connection.handle(), "declared_value", 2,
                                              SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
                                              DeclaredValue, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : connection.LastError();
}

}  // namespace sextant::storage::sqlite
