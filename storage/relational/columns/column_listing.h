// SPDX-License-Identifier: Apache-2.0
// The rows of a page, from columns in memory.
#pragma once

#include <optional>
#include <vector>

#include "storage/relational/columns/run_columns.h"
#include "storage/relational/rows/page_key.h"
#include "storage/store.h"

namespace sextant::storage::relational {

/// A run of a page, by its row in the columns, and the key of the page that goes on after it.
struct ListedRow {
  std::size_t row = 0;
  PageKey key;
};

/// The first limit + 1 rows of `query` after `after`, in its order: what SelectRuns finds by SQL. nullopt
/// when `after` is the key of a listing in another order. `columns` must hold ColumnsOf(where, order_by).
std::optional<std::vector<ListedRow>> ListRows(const StudyColumns& columns, const RunQuery& query,
                                               const std::optional<PageKey>& after);

}  // namespace sextant::storage::relational
