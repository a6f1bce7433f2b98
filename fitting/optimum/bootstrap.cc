// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/bootstrap.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>

#include "absl/status/status.h"
#include "base/progress.h"

namespace sextant::fitting::optimum {
namespace {

/// With three cells and three parameters 6 draws in 27 hold all cells; 100 draws miss with odds of 1e-11.
constexpr int kDrawLimit = 100;

}  // namespace

void DrawHierarchically(const std::vector<Cell>& cells, RandomStream& random, std::vector<DrawnCell>& drawn) {
  drawn.resize(cells.size());
  for (DrawnCell& draw : drawn) {
    draw.cell = &cells[random.Index(cells.size())];
    const std::size_t runs = draw.cell->runs.size();
    draw.runs.resize(runs);
    for (std::uint32_t& run : draw.runs) {
      run = static_cast<std::uint32_t>(random.Index(runs));
    }
  }
}

absl::StatusOr<Replicates> RunReplicates(const std::vector<Cell>& cells, int count, std::size_t columns,
                                         std::uint64_t seed, const std::function<bool()>& cancelled,
                                         const ReplicateFit& fit) {
  const std::size_t total = static_cast<std::size_t>(count);
  std::vector<double> rows(total * columns);
  std::vector<int> draws(total, 0);
  std::atomic<bool> stop{false};
  const ProgressPhase phase("replicates", count);
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, total),
                    [&](const tbb::blocked_range<std::size_t>& range) {
                      std::vector<DrawnCell> drawn;
                      for (std::size_t r = range.begin(); r < range.end(); ++r) {
                        if (stop.load(std::memory_order_relaxed)) {
                          return;
                        }
                        if (cancelled && cancelled()) {
                          stop = true;
                          return;
                        }
                        RandomStream random(seed, r);
                        bool done = false;
                        while (!done && draws[r] < kDrawLimit) {
                          ++draws[r];
                          DrawHierarchically(cells, random, drawn);
                          done = fit(drawn, random, rows.data() + r * columns);
                        }
                        draws[r] = done ? draws[r] : -draws[r];
                        phase.Add();
                      }
                    });
  if (stop) {
    return absl::CancelledError("fit cancelled");
  }
  Replicates result;
  for (std::size_t r = 0; r < total; ++r) {
    if (draws[r] < 0) {
      ++result.failed;
      result.redrawn -= draws[r];
      continue;
    }
    result.redrawn += draws[r] - 1;
    result.rows.insert(result.rows.end(), rows.begin() + static_cast<std::ptrdiff_t>(r * columns),
                       rows.begin() + static_cast<std::ptrdiff_t>((r + 1) * columns));
    ++result.count;
  }
  return result;
}

}  // namespace sextant::fitting::optimum
