// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/cells.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sextant::fitting::optimum {
namespace {

bool Usable(double value) { return std::isfinite(value) && value > 0; }

double LogOrNan(double value) {
  return Usable(value) ? std::log(value) : std::numeric_limits<double>::quiet_NaN();
}

absl::Status CheckColumn(const char* name, std::size_t length, std::size_t size) {
  if (length == 0 || length == size) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("run table: column ", name, " has ", length, " entries for ", size, " runs"));
}

std::vector<double> ColumnOrNan(const std::vector<double>& column, std::size_t size) {
  return column.empty() ? std::vector<double>(size, std::numeric_limits<double>::quiet_NaN()) : column;
}

void FinishCell(Cell& cell) {
  double params = 0;
  double tokens = 0;
  for (std::size_t i = 0; i < cell.runs.size(); ++i) {
    params += cell.runs[i].log_params;
    tokens += cell.runs[i].log_tokens;
    if (cell.runs[i].loss < cell.runs[cell.best].loss) {
      cell.best = i;
    }
  }
  cell.log_params = params / static_cast<double>(cell.runs.size());
  cell.log_tokens = tokens / static_cast<double>(cell.runs.size());
}

}  // namespace

void LevelSpan::Include(int level) {
  if (level >= 0) {
    lowest = std::min(lowest, level);
    highest = std::max(highest, level);
  }
}

bool Ended(const RunTable& runs, std::size_t row) {
  if (runs.state.empty()) return true;
  const RunState state = runs.state[row];
  return state == RunState::kFinished || state == RunState::kUnspecified;
}

std::vector<int> SnapToLevels(const std::vector<double>& values, double tolerance,
                              std::vector<double>& levels) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (Usable(values[i])) {
      order.push_back(i);
    }
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::pair(values[a], a) < std::pair(values[b], b); });
  levels.clear();
  std::vector<int> level(values.size(), -1);
  for (const std::size_t i : order) {
    if (levels.empty() || values[i] > levels.back() * (1 + tolerance)) {
      levels.push_back(values[i]);
    }
    level[i] = static_cast<int>(levels.size()) - 1;
  }
  return level;
}

absl::StatusOr<CellTable> GroupIntoCells(const RunTable& runs, CellNeeds needs, double tolerance) {
  const std::size_t size = runs.size();
  const std::pair<const char*, std::size_t> lengths[] = {
      {"params", runs.params.size()},
      {"tokens", runs.tokens.size()},
      {"learning_rate", runs.learning_rate.size()},
      {"batch_size_tokens", runs.batch_size_tokens.size()},
      {"loss", runs.loss.size()},
      {"model", runs.model.size()},
      {"state", runs.state.size()},
  };
  for (const auto& [name, length] : lengths) {
    if (absl::Status status = CheckColumn(name, length, size); !status.ok()) {
      return status;
    }
  }
  const std::vector<double> params = ColumnOrNan(runs.params, size);
  const std::vector<double> tokens = ColumnOrNan(runs.tokens, size);
  const std::vector<double> rate = ColumnOrNan(runs.learning_rate, size);
  const std::vector<double> batch = ColumnOrNan(runs.batch_size_tokens, size);
  const std::vector<double> loss = ColumnOrNan(runs.loss, size);

  CellTable table;
  std::vector<double> unused;
  const std::vector<int> params_level = SnapToLevels(params, std::max(tolerance, kParamsTolerance), unused);
  const std::vector<int> tokens_level = SnapToLevels(tokens, std::max(tolerance, kTokensTolerance), unused);
  const std::vector<int> rate_level = SnapToLevels(rate, tolerance, table.rate_levels);
  const std::vector<int> batch_level = SnapToLevels(batch, tolerance, table.batch_levels);

  std::map<std::tuple<int, int, std::uint64_t>, Cell> cells;
  for (std::size_t row = 0; row < size; ++row) {
    const std::tuple key(params_level[row], tokens_level[row],
                         runs.model.empty() ? std::uint64_t{0} : runs.model[row]);
    const bool complete = params_level[row] >= 0 && tokens_level[row] >= 0 &&
                          (!needs.rate || rate_level[row] >= 0) && (!needs.batch || batch_level[row] >= 0);
    if (!complete) {
      ++table.runs_incomplete;
      table.rows_incomplete.push_back(row);
      continue;
    }
    Cell& cell = cells[key];
    cell.rates.Include(rate_level[row]);
    cell.batches.Include(batch_level[row]);
    if (!Usable(loss[row]) || !Ended(runs, row)) {
      ++table.runs_diverged;
      ++cell.runs_diverged;
      table.rows_diverged.push_back(row);
      continue;
    }
    ++table.runs_eligible;
    cell.runs.push_back({row, std::log(params[row]), std::log(tokens[row]), LogOrNan(rate[row]),
                         LogOrNan(batch[row]), loss[row], rate_level[row], batch_level[row]});
  }
  for (auto& [key, cell] : cells) {
    if (!cell.runs.empty()) {
      FinishCell(cell);
      table.cells.push_back(std::move(cell));
    }
  }
  return table;
}

EdgeCounts CountEdges(const std::vector<Cell>& cells) {
  EdgeCounts edges;
  for (const Cell& cell : cells) {
    const CellRun& best = cell.runs[cell.best];
    if (cell.rates.Swept()) {
      edges.learning_rate_lowest += best.rate_level == cell.rates.lowest;
      edges.learning_rate_highest += best.rate_level == cell.rates.highest;
    }
    if (cell.batches.Swept()) {
      edges.batch_lowest += best.batch_level == cell.batches.lowest;
      edges.batch_highest += best.batch_level == cell.batches.highest;
    }
  }
  return edges;
}

}  // namespace sextant::fitting::optimum
