// SPDX-License-Identifier: Apache-2.0
// What a design can and cannot determine.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "fitting/optimum/cells.h"

namespace sextant::fitting::optimum {

/// OK when the cells determine a law in `variables` for `target`; otherwise NotIdentifiable (refusal.h),
/// which names the axis: fewer than three cells, a variable with one value (up to the relative `tolerance`),
/// N and D that only vary together, a target that takes one value or is not swept where its partner is, or
/// whose best values lie on one edge of the grid in three of four cells.
absl::Status CheckIdentifiable(const std::vector<Cell>& cells, OptimumTarget target, LawVariables variables,
                               double tolerance);

/// Warnings about a design that is answered but weak: a variable that spans less than a factor of two, fewer
/// cells than parameters plus two, best runs on the edge of the grid.
std::vector<std::string> DesignWarnings(const std::vector<Cell>& cells, OptimumTarget target,
                                        LawVariables variables, const EdgeCounts& edges);

/// Drops cells in which `target` takes one value: they say nothing about where its optimum is. A table in
/// which no cell sweeps it is kept whole, as a table of optima. Appends what it did to `warnings`.
std::vector<Cell> KeepSweptCells(std::vector<Cell> cells, OptimumTarget target,
                                 std::vector<std::string>& warnings);

}  // namespace sextant::fitting::optimum
