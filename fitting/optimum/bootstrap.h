// SPDX-License-Identifier: Apache-2.0
// Hierarchical bootstrap: cells, then runs within each drawn cell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/random.h"
#include "fitting/optimum/cells.h"

namespace sextant::fitting::optimum {

/// One drawn cell: which cell, and the indices of its drawn runs, with repeats. Nothing is copied.
struct DrawnCell {
  const Cell* cell;
  std::vector<std::uint32_t> runs;
};

/// Cells with replacement, then each drawn cell's runs with replacement. Reuses `drawn`'s memory.
void DrawHierarchically(const std::vector<Cell>& cells, RandomStream& random, std::vector<DrawnCell>& drawn);

/// Fits one draw; writes the parameters to `row`. False when the draw does not determine them.
/// Called from several threads at once.
using ReplicateFit =
    std::function<bool(const std::vector<DrawnCell>& drawn, RandomStream& random, double* row)>;

struct Replicates {
  std::vector<double> rows;  ///< row-major [count][columns]
  std::size_t count = 0;
  int redrawn = 0;  ///< draws thrown away because they did not determine the law
  int failed = 0;   ///< replicates given up after 100 draws; not in `rows`
};

/// `count` replicates in parallel with TBB, replicate r on random stream r of `seed`: the same rows at any
/// thread count. Cancelled when `cancelled` says so.
absl::StatusOr<Replicates> RunReplicates(const std::vector<Cell>& cells, int count, std::size_t columns,
                                         std::uint64_t seed, const std::function<bool()>& cancelled,
                                         const ReplicateFit& fit);

}  // namespace sextant::fitting::optimum
