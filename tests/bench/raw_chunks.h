// SPDX-License-Identifier: Apache-2.0
// The floor under every way to store curves: the same compressed chunks put straight into a bare SQLite
// table.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "storage/curve_codec.h"
#include "storage/sqlite/sql/connection.h"
#include "storage/store.h"
#include "tests/bench/measure.h"

namespace sextant::storage {

/// Encodes and inserts, a transaction a call; nothing else. `durability`: "full" or "normal".
class RawTable {
 public:
  RawTable(const std::string& path, const std::string& durability)
      : connection_(Take(sqlite::Connection::Open(path, sqlite::OpenMode::kCreate))) {
    Check(connection_->Execute(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = " + durability +
        "; CREATE TABLE chunks (key INTEGER PRIMARY KEY, data BLOB) STRICT"));
  }
  void Put(std::span<const RunWithCurve> runs) {
    Check(connection_->Execute("BEGIN"));
    auto insert = Take(connection_->Prepare("INSERT INTO chunks VALUES (?, ?)"));
    for (const RunWithCurve& run : runs) {
      for (std::size_t begin = 0; begin < run.curve.size(); begin += kPointsPerChunk) {
        const auto bytes = EncodeChunk(run.curve, begin, std::min(begin + kPointsPerChunk, run.curve.size()));
        Check(insert.Next(next_++).NextBlobView(bytes).Run());
      }
    }
    Check(connection_->Execute("COMMIT"));
  }

 private:
  std::unique_ptr<sqlite::Connection> connection_;
  std::int64_t next_ = 1;
};

}  // namespace sextant::storage
