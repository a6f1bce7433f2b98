// SPDX-License-Identifier: Apache-2.0
// The connection of the PostgreSQL engine, over libpq.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/postgres/sql/place.h"
#include "storage/postgres/sql/result.h"
#include "storage/relational/sql/connection.h"

namespace sextant::storage::postgres {

using relational::ScopedTransaction;
using relational::Statement;

/// One parameter of a command, in binary form.
struct Parameter {
  unsigned type = 0;           ///< object id; 0: what the command makes of it
  const char* data = nullptr;  ///< nullptr: NULL
  int size = 0;
};

/// One connection to a PostgreSQL server. Used by one thread at a time.
class Connection final : public relational::Connection {
 public:
  /// Errors: those of CannotConnect and StatusFromSqlState.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const Place& place, bool read_only);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::Status Execute(const std::string& sql) override;
  absl::StatusOr<Statement> Prepare(const char* sql) override;
  absl::StatusOr<Statement> PrepareOnce(const std::string& sql) override;

  std::int64_t changes() const override { return changes_; }
  bool in_transaction() const override;
  bool usable() const override { return PQstatus(connection_) == CONNECTION_OK; }
  const std::string& path() const override { return path_; }
  const char* begin_write() const override { return "BEGIN"; }
  const char* begin_read() const override { return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"; }
  bool is_far() const override { return true; }
  const char* bytewise() const override { return " COLLATE \"C\""; }
  /// The server gives up nothing in the middle of a transaction that is to go on: with `stop` it is nullptr,
  /// for "do not even begin"; without, it is the time that tells.
  std::unique_ptr<relational::ReadLimit> LimitReads(int steps, bool stop) override;

  absl::StatusOr<std::vector<std::string>> TableNames() override;
  absl::StatusOr<std::vector<relational::DescribedColumn>> DescribeTable(const std::string& table) override;
  absl::Status KeysWereGiven(const std::string& table) override;

  /// Makes `sql` (with $1, $2, …) a statement of the server's for parameters of these types; its name.
  absl::StatusOr<std::string> PrepareNamed(const std::string& sql, const std::vector<unsigned>& types);
  /// Runs a statement by its name, or else the text `sql`. All rows, in binary form.
  absl::StatusOr<Result> Run(const std::string& name, const std::string& sql,
                             const std::vector<Parameter>& parameters);
  /// The one value that `sql` gives; "" for NULL or no row. Never given values from outside.
  absl::StatusOr<std::string> Ask(const std::string& sql);

  PGconn* handle() const { return connection_; }

 private:
  Connection(PGconn* connection, std::string path) : connection_(connection), path_(std::move(path)) {}

  PGconn* connection_;
  std::string path_;
  std::int64_t changes_ = 0, last_name_ = 0;
  std::unordered_map<const void*, std::unique_ptr<relational::PreparedStatement>> cache_;
};

}  // namespace sextant::storage::postgres
