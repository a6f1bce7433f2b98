// SPDX-License-Identifier: Apache-2.0
// Data that are no runs, as columns by name.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace sextant::fitting {

/// Columns of one length; NaN where a value is unknown. Plain data, not synchronised.
struct DataColumns {
  std::map<std::string, std::vector<double>> columns;
  std::vector<std::string> row_ids;  ///< for messages; empty: "row 1", "row 2", …
  std::vector<std::string>
      cell_ids;        ///< rows of one share a cause of error (a run); empty: equal variables do
  std::string source;  ///< "table results.csv", "curves": a fit's provenance
  std::size_t rows() const { return columns.empty() ? 0 : columns.begin()->second.size(); }
};

/// What stands for the quantity that a law predicts, where variables are mapped to columns.
inline constexpr char kObservedColumn[] = "y";

}  // namespace sextant::fitting
