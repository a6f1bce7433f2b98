// SPDX-License-Identifier: Apache-2.0
// Where a law's variables come from: fields of runs, what a study declares, or columns of a table.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <vector>

#include "fitting/data_columns.h"
#include "fitting/law/law.h"
#include "fitting/least_squares/law_data.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

/// By a law's variable, or "y" (or its quantity's name) for what it predicts: the name of a column.
using ColumnChoice = std::map<std::string, std::string>;

/// Data for a law, and where they were found.
struct LawInput {
  LawData data;
  ColumnChoice columns;               ///< what every variable, and "y", was read from
  std::vector<std::string> warnings;  ///< rows left out for what they lack
};

/// The finished runs of a study as data for `law`. A variable is read from the column that `chosen` names (a
/// field of runs, or what the study declares); else from what the study declares under the variable's name;
/// else N is params, D and x tokens, C = 6 N D, B batch_size_tokens, S steps, L loss, eta learning_rate. What
/// the law predicts follows its target; for a target of another name it is what the study declares under that
/// name. Rows that lack one of them are left out, as are runs that diverged or crashed. InvalidArgument names
/// the variable that is missing and how to give it; NotIdentifiable one that no run has.
absl::StatusOr<LawInput> LawInputFromRuns(const Law& law, const RunTable& runs, const ColumnChoice& chosen);

/// The same from columns: every variable is the column that `chosen` names, else the one of its own name;
/// what the law predicts is "y", or the column named as its quantity.
absl::StatusOr<LawInput> LawInputFromColumns(const Law& law, const DataColumns& table,
                                             const ColumnChoice& chosen);

}  // namespace sextant::fitting
