// SPDX-License-Identifier: Apache-2.0
// Rows into a table by COPY in its binary format: the fastest way in.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/postgres/sql/connection.h"
#include "storage/relational/rows/row_sink.h"

namespace sextant::storage::postgres {

/// One COPY … FROM STDIN (FORMAT binary). Errors come with Finish, and what was copied is there after it. One
/// that is destroyed before fails, and takes the transaction with it.
class CopyIn final : public relational::RowSink {
 public:
  /// `table` and `columns` are fixed texts; columns' types must be those of the fields.
  static absl::StatusOr<CopyIn> Begin(Connection& connection, const std::string& table,
                                      const std::string& columns);
  CopyIn(CopyIn&& other) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;
  ~CopyIn() override;

  void BeginRow(int fields);
  // int8, float8, text, float8[] and bytea.
  void Int(std::int64_t value) override;
  void Real(double value) override;
  void TextView(std::string_view text) override;
  void Reals(std::span<const double> values) override;
  void Null() override;
  void Blob(std::span<const std::uint8_t> bytes);

  absl::Status Finish();

 private:
  explicit CopyIn(Connection* connection);
  void Field(std::string_view bytes);
  void SendIfMuch();
  void Send();

  Connection* connection_;
  std::string buffer_;
  bool broken_ = false;
};

}  // namespace sextant::storage::postgres
