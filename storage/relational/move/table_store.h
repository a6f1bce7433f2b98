// SPDX-License-Identifier: Apache-2.0
// A store whose tables can be read and written as such: what moves whole databases asks for.
#pragma once

#include <absl/status/status.h>

#include <functional>

#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

class TableStore {
 public:
  using TableWork = std::function<absl::Status(Connection&)>;
  virtual ~TableStore() = default;
  /// Runs `work` on a connection that sees one state, as Store::Read does.
  virtual absl::Status ReadTables(const TableWork& work) = 0;
  /// Runs `work` in one transaction, as Store::Write does.
  virtual absl::Status WriteTables(const TableWork& work) = 0;
};

}  // namespace sextant::storage::relational
