// SPDX-License-Identifier: Apache-2.0
// Columns of runs on their way from rows into memory.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "storage/relational/columns/run_columns.h"
#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

class ColumnReader {
 public:
  virtual ~ColumnReader() = default;
  /// Appends what result column `at` of the row holds. DataLoss for tags that cannot be read.
  virtual absl::Status Read(const Statement& row, int at) = 0;
  virtual std::int64_t text_bytes() const { return 0; }  ///< of the distinct texts so far
  std::shared_ptr<RunColumn> column = std::make_shared<RunColumn>();
};

struct ColumnLoading {
  ColumnName name;
  std::string sql;  ///< of the table alias r
  std::unique_ptr<ColumnReader> reader;
};

/// InvalidArgument for an unknown field.
absl::StatusOr<ColumnLoading> StartLoading(const ColumnName& name);

}  // namespace sextant::storage::relational
