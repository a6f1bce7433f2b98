// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/fit_models.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status_macros.h"

namespace sextant::storage::sqlite {
namespace {

constexpr std::string_view kShape = "optimum";
constexpr std::string_view kParameter = "optimum.parameter.";
constexpr std::string_view kMember = "optimum.member.";
constexpr std::size_t kOrderDigits = 4;  // "000."

std::vector<double> Doubles(std::span<const std::uint8_t> bytes) {
  std::vector<double> values(bytes.size() / sizeof(double));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

/// Enumerations and counts were kept as doubles; nothing for one that is no small count.
bool IsCount(double value) { return value >= 0 && value <= 1e6 && value == std::floor(value); }

/// "003.NAME" -> NAME; nothing when the order is missing.
std::string_view AfterOrder(std::string_view key) {
  return key.size() > kOrderDigits && key[kOrderDigits - 1] == '.' ? key.substr(kOrderDigits)
                                                                   : std::string_view();
}

constexpr char kInsertShape[] =
    "INSERT INTO fit_optima SELECT f.fit_key, ?, ?, ?, f.bootstrap_replicates, ?, "
    "n.low, n.high, d.low, d.high, r.low, r.high, b.low, b.high FROM fits f "
    "LEFT JOIN fit_ranges n ON n.fit_key = f.fit_key AND n.variable = 'N' "
    "LEFT JOIN fit_ranges d ON d.fit_key = f.fit_key AND d.variable = 'D' "
    "LEFT JOIN fit_ranges r ON r.fit_key = f.fit_key AND r.variable = 'learning_rate' "
    "LEFT JOIN fit_ranges b ON b.fit_key = f.fit_key AND b.variable = 'B' WHERE f.fit_key = ?";
// Names come in order, so the next position is how many there are.
constexpr char kInsertParameter[] =
    "INSERT INTO fit_optimum_parameters SELECT ?1, count(*), ?2, ?3 FROM fit_optimum_parameters "
    "WHERE fit_key = ?1";
constexpr char kInsertMember[] =
    "INSERT INTO fit_optimum_members SELECT ?1, count(*), ?2, ?3, ?4 FROM fit_optimum_members "
    "WHERE fit_key = ?1";

absl::Status Move(Connection& connection, std::int64_t fit_key, std::string_view name,
                  const std::vector<double>& values) {
  if (name == kShape && values.size() == 4) {
    if (!IsCount(values[0]) || !IsCount(values[1]) || !IsCount(values[2])) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto insert, connection.Prepare(kInsertShape));
    for (int i = 0; i < 3; ++i) insert.Next(static_cast<std::int64_t>(values[i]));
    return insert.Next(values[3]).Next(fit_key).Run();
  }
  if (name.starts_with(kParameter) && values.size() == 1) {
    const std::string_view own = AfterOrder(name.substr(kParameter.size()));
    if (own.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto insert, connection.Prepare(kInsertParameter));
    return insert.Next(fit_key).Next(own).Next(values[0]).Run();
  }
  if (name.starts_with(kMember) && values.size() == 2) {
    const std::string_view own = AfterOrder(name.substr(kMember.size()));
    if (own.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto insert, connection.Prepare(kInsertMember));
    return insert.Next(fit_key).Next(own).Next(values[0]).Next(values[1]).Run();
  }
  return absl::OkStatus();
}

// Kinds as in fit_rows: 1 least squares, 2 critical batch (target 3), 3 other optimum, 4 optimum.
constexpr char kSetKinds[] = R"sql(
UPDATE fits SET model = CASE
  WHEN state != 2 THEN 0
  WHEN EXISTS (SELECT 1 FROM fit_arrays a WHERE a.fit_key = fits.fit_key AND a.kind = 3) THEN 4
  WHEN target = 3 THEN 2
  WHEN near_optimal_log_low < 0 OR near_optimal_log_high > 0 THEN 3
  ELSE 1 END;
DELETE FROM fit_arrays WHERE kind = 3;
)sql";

}  // namespace

absl::Status MoveModelsToTables(Connection& connection) {
  {
    // Whatever is longer is of no model.
    ASSIGN_OR_RETURN(auto arrays, connection.Prepare("SELECT fit_key, name, data FROM fit_arrays "
                                                     "WHERE kind = 3 AND length(data) <= 32 "
                                                     "ORDER BY fit_key, name"));
    for (;;) {
      ASSIGN_OR_RETURN(const bool row, arrays.Step());
      if (!row) break;
      RETURN_IF_ERROR(Move(connection, arrays.Int(0), arrays.Text(1), Doubles(arrays.Blob(2))));
    }
  }
  return connection.Execute(kSetKinds);
}

}  // namespace sextant::storage::sqlite
