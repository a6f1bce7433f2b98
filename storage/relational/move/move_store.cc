// SPDX-License-Identifier: Apache-2.0
#include "storage/move_store.h"

#include <absl/strings/str_cat.h>

#include "base/status_macros.h"
#include "storage/open_store.h"
#include "storage/relational/move/move_mark.h"
#include "storage/relational/move/table_rows.h"
#include "storage/relational/move/table_store.h"
#include "storage/relational/move/tables.h"

namespace sextant::storage {
namespace {

using relational::Connection;
using relational::Table;
using relational::TableDigest;
using relational::TableRow;
using relational::TableStore;

// Of runs and chunks of curves some megabytes; each such piece is a transaction.
constexpr std::int64_t kRowsAPiece = 2000;

using Progress = std::function<void(const std::string&, std::int64_t)>;

absl::Status CopyTable(Connection& from, TableStore& to, const Table& table, const Progress& progress) {
  TableRow after;
  // Counters are few, and some are there from the start.
  if (table.name != "counters") {
    RETURN_IF_ERROR(to.ReadTables([&](Connection& target) -> absl::Status {
      ASSIGN_OR_RETURN(after, relational::LastKey(target, table));
      return absl::OkStatus();
    }));
  }
  std::int64_t copied = 0;
  for (;;) {
    ASSIGN_OR_RETURN(auto rows, relational::ReadRows(from, table, after, kRowsAPiece));
    if (rows.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(
        to.WriteTables([&](Connection& target) { return relational::WriteRows(target, table, rows); }));
    after = relational::KeyOfRow(table, rows.back());
    copied += static_cast<std::int64_t>(rows.size());
    progress(table.name, copied);
  }
}

absl::StatusOr<TableDigest> DigestOf(TableStore& store, const Table& table) {
  TableDigest digest;
  RETURN_IF_ERROR(store.ReadTables([&](Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(digest, relational::DigestTable(connection, table));
    return absl::OkStatus();
  }));
  return digest;
}

absl::StatusOr<std::vector<MovedTable>> Move(Connection& from, TableStore& to, const Progress& progress) {
  std::vector<Table> tables;
  RETURN_IF_ERROR(to.WriteTables([&](Connection& target) -> absl::Status {
    ASSIGN_OR_RETURN(tables, relational::CommonTables(from, target));
    return relational::MarkMove(target);
  }));
  for (const Table& table : tables) {
    RETURN_IF_ERROR(CopyTable(from, to, table, progress));
  }
  std::vector<MovedTable> moved;
  for (const Table& table : tables) {
    ASSIGN_OR_RETURN(auto mine, relational::DigestTable(from, table));
    ASSIGN_OR_RETURN(auto theirs, DigestOf(to, table));
    if (mine != theirs) {
      return absl::DataLossError(
          absl::StrCat("the table ", table.name, " differs after the copy: ", mine.rows, " rows there, ",
                       theirs.rows, " here. Was the target filled from elsewhere? Begin with an empty one"));
    }
    moved.push_back({table.name, mine.rows, absl::StrCat(absl::Hex(mine.digest, absl::kZeroPad16))});
  }
  RETURN_IF_ERROR(to.WriteTables([](Connection& target) { return relational::UnmarkMove(target); }));
  return moved;
}

}  // namespace

absl::StatusOr<std::vector<MovedTable>> MoveStore(const std::string& from, const std::string& to,
                                                  const Progress& progress) {
  StoreOptions reading, writing;
  reading.read_only = true;
  reading.why_read_only = "it is being copied";
  writing.half_moved = true;
  ASSIGN_OR_RETURN(auto source, OpenStore(from, reading));
  ASSIGN_OR_RETURN(auto target, OpenStore(to, writing));
  auto* const source_tables = dynamic_cast<TableStore*>(source.get());
  auto* const target_tables = dynamic_cast<TableStore*>(target.get());
  if (source_tables == nullptr || target_tables == nullptr) {
    return absl::UnimplementedError("one of the two engines does not show its tables");
  }
  absl::StatusOr<std::vector<MovedTable>> moved = absl::UnknownError("not run");
  RETURN_IF_ERROR(source_tables->ReadTables([&](Connection& connection) {
    moved = Move(connection, *target_tables, progress);
    return moved.status();
  }));
  return moved;
}

}  // namespace sextant::storage
