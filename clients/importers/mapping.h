// SPDX-License-Identifier: Apache-2.0
// Which column supplies which field.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/importers/run_record.h"

namespace sextant::importers {

/// One `--map field=column`.
struct FieldMapping {
  std::string field;
  std::string column;
};

/// Reads "field=column"; `flag` is what messages call the place it stands. `variables`: what the study
/// declares. INVALID_ARGUMENT for another shape or an unknown field, with the nearest known one.
absl::StatusOr<FieldMapping> ParseFieldMapping(const std::string& text, const std::string& flag = "--map",
                                               const std::vector<std::string>& variables = {});

/// A field and the index of its column.
struct BoundColumn {
  std::string field;
  std::size_t column = 0;
};

struct BoundMapping {
  std::vector<BoundColumn> columns;
  /// Given by the user: blank cells are errors. Found by name: blank cells are unknown values.
  bool explicit_map = false;
  /// Columns that were taken under another name, for a note: "val_loss_nats as loss_nats".
  std::vector<std::string> renamed;
  /// What the user should know of the mapping, for a note; or empty.
  std::string advice;
};

/// Finds the columns of `header`: the user's mapping if there is one, taken as it stands, else names and
/// aliases of fields. INVALID_ARGUMENT if a mapped column is not there, if two mappings set one field, or if
/// no column supplies the parameters or the tokens of a study that declares no `variables` of its own; the
/// message names the columns that there are.
absl::StatusOr<BoundMapping> BindMapping(const std::vector<FieldMapping>& map,
                                         const std::vector<std::string>& header, const ImportedRun& given,
                                         const std::string& source,
                                         const std::vector<std::string>& variables = {});

}  // namespace sextant::importers
