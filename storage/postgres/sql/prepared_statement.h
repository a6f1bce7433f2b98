// SPDX-License-Identifier: Apache-2.0
// A prepared statement of PostgreSQL.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/postgres/sql/connection.h"

namespace sextant::storage::postgres {

/// `sql` with its placeholders (? and ?N) as PostgreSQL has them ($N). What is in quotes stays.
std::string NumberPlaceholders(const std::string& sql);

/// Types of parameters are those of what is bound, since the server would guess others. One that is kept is
/// prepared on the server once for each list of types it meets (NULLs have none); one that is not is planned
/// for its values, the first time. All rows of an answer are in memory from the first Step on. Lists of
/// numbers are float8[].
class PreparedPostgres final : public relational::PreparedStatement {
 public:
  /// `connection` outlives it.
  PreparedPostgres(Connection& connection, const std::string& sql, bool keep)
      : connection_(connection), sql_(NumberPlaceholders(sql)), keep_(keep) {}

  void BindInt(int index, std::int64_t value) override;
  void BindReal(int index, double value) override;
  void BindText(int index, std::string_view text) override;
  void BindTextView(int index, std::string_view text) override;
  void BindNull(int index) override;
  void BindBlobView(int index, std::span<const std::uint8_t> bytes) override;
  void BindReals(int index, std::span<const double> values) override;
  void BindTexts(int index, std::span<const std::string_view> texts);  ///< as text[]; copied
  absl::StatusOr<bool> Step() override;
  void Reset() override;
  bool IsNull(int column) const override;
  std::int64_t Int(int column) const override;
  double Real(int column) const override;
  std::string_view Text(int column) const override;
  std::span<const std::uint8_t> Blob(int column) const override;
  void Reals(int column, std::vector<double>& values) const override;

 private:
  struct Bound {
    unsigned type = 0;
    bool null = true;
    std::string copy;       ///< what is not viewed
    std::string_view view;  ///< data() is nullptr where `copy` counts
  };
  Bound& At(int index, unsigned type);
  absl::Status Execute();
  std::string_view Value(int column) const;

  Connection& connection_;
  const std::string sql_;
  bool keep_;
  std::vector<Bound> bound_;
  std::size_t bound_count_ = 0;
  std::map<std::vector<unsigned>, std::string> names_;
  Result result_;
  int row_ = -1;
};

}  // namespace sextant::storage::postgres
