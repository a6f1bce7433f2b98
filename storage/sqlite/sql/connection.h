// SPDX-License-Identifier: Apache-2.0
// The connection of the SQLite engine, over the SQLite C API.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/relational/sql/connection.h"

struct sqlite3;

namespace sextant::storage::sqlite {

using relational::ScopedTransaction;
using relational::Statement;

/// kImmutable reads a file that nobody writes, without the shared-memory sidecar that reading in WAL mode
/// needs. kUnchecked reads and writes pages without their checksums (checked_vfs.h).
enum class OpenMode { kCreate, kReadWrite, kReadOnly, kImmutable, kUnchecked };

/// One SQLite connection. Used by one thread at a time.
class Connection final : public relational::Connection {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, OpenMode mode);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::Status Execute(const std::string& sql) override;
  absl::StatusOr<Statement> Prepare(const char* sql) override;
  absl::StatusOr<Statement> PrepareOnce(const std::string& sql) override;

  std::int64_t changes() const override;
  bool in_transaction() const override;
  const std::string& path() const override { return path_; }
  const char* begin_write() const override { return "BEGIN IMMEDIATE"; }
  const char* begin_read() const override { return "BEGIN"; }
  /// Counts steps of SQLite's machine.
  std::unique_ptr<relational::ReadLimit> LimitReads(int steps, bool stop) override;

  absl::StatusOr<std::vector<std::string>> TableNames() override;
  absl::StatusOr<std::vector<relational::DescribedColumn>> DescribeTable(const std::string& table) override;
  absl::Status KeysWereGiven(const std::string&) override { return absl::OkStatus(); }

  sqlite3* handle() const { return db_; }
  absl::Status LastError() const;

 private:
  Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  sqlite3* db_;
  std::string path_;
  std::unordered_map<const void*, std::unique_ptr<relational::PreparedStatement>> cache_;
};

/// The handle of a connection that this engine opened.
sqlite3* HandleOf(const relational::Connection& connection);

}  // namespace sextant::storage::sqlite
