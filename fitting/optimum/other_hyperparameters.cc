// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/other_hyperparameters.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "fitting/optimum/cells.h"

namespace sextant::fitting::optimum {
namespace {

using Key = std::vector<int>;

/// A cell crosses the others with its points when this share of all combinations was run.
constexpr double kCrossedShare = 0.5;

/// The runs of one cell, by point of the axes and then by setting of the others.
using CellSettings = std::map<Key, std::map<Key, std::vector<std::size_t>>>;

double MeanLoss(const RunTable& runs, const std::vector<std::size_t>& rows) {
  double sum = 0;
  int count = 0;
  for (const std::size_t row : rows) {
    if (!Ended(runs, row) || !std::isfinite(runs.loss[row])) continue;
    sum += runs.loss[row];
    ++count;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::infinity();
}

void Drop(const std::vector<std::size_t>& rows, std::vector<bool>& keep) {
  for (const std::size_t row : rows) keep[row] = false;
}

/// At each point, all settings but the one of lowest loss go; a point where none ended keeps its runs.
void KeepBest(const RunTable& runs, const CellSettings& cell, std::vector<bool>& keep) {
  for (const auto& [point, settings] : cell) {
    const Key* best = nullptr;
    double lowest = std::numeric_limits<double>::infinity();
    for (const auto& [setting, rows] : settings) {
      if (const double loss = MeanLoss(runs, rows); loss < lowest) {
        lowest = loss;
        best = &setting;
      }
    }
    if (best == nullptr) continue;
    for (const auto& [setting, rows] : settings) {
      if (setting != *best) Drop(rows, keep);
    }
  }
}

enum class CellKind { kSingle, kCrossed, kPartial, kConfounded };

CellKind Reduce(const RunTable& runs, const CellSettings& cell, std::vector<bool>& keep) {
  std::map<Key, std::size_t> points_with;
  std::size_t pairs = 0;
  for (const auto& [point, settings] : cell) {
    pairs += settings.size();
    for (const auto& [setting, rows] : settings) ++points_with[setting];
  }
  if (points_with.size() < 2) return CellKind::kSingle;
  const double all = static_cast<double>(cell.size()) * static_cast<double>(points_with.size());
  if (cell.size() == 1 || (pairs > cell.size() && static_cast<double>(pairs) >= kCrossedShare * all)) {
    KeepBest(runs, cell, keep);
    return CellKind::kCrossed;
  }
  const Key* shared = nullptr;
  std::size_t most = 0;
  for (const auto& [setting, count] : points_with) {
    if (count > most) {
      most = count;
      shared = &setting;
    }
  }
  if (2 * most <= cell.size()) return CellKind::kConfounded;
  for (const auto& [point, settings] : cell) {
    for (const auto& [setting, rows] : settings) {
      if (setting != *shared) Drop(rows, keep);
    }
  }
  return CellKind::kPartial;
}

std::string Names(const std::vector<Hyperparameter>& columns) {
  return absl::StrJoin(columns, " and ",
                       [](std::string* out, const Hyperparameter& h) { out->append(h.name); });
}

}  // namespace

std::vector<std::vector<int>> LevelKeys(const RunTable& runs, const std::vector<Hyperparameter>& columns,
                                        double tolerance) {
  std::vector<Key> keys(runs.size());
  std::vector<double> unused;
  for (const Hyperparameter& column : columns) {
    const std::vector<double>& values = runs.*column.column;
    if (values.size() != runs.size()) continue;
    const std::vector<int> levels = SnapToLevels(values, tolerance, unused);
    // Zero is a setting of its own, apart from "not recorded".
    for (std::size_t row = 0; row < keys.size(); ++row)
      keys[row].push_back(values[row] == 0 ? -2 : levels[row]);
  }
  return keys;
}

OneSetting KeepOneSettingOfOthers(const RunTable& runs, double tolerance) {
  return KeepOneSetting(runs, {kLearningRate, kBatchSize}, {kWeightDecay, kAdamBeta2}, tolerance);
}

OneSetting KeepOneSetting(const RunTable& runs, const std::vector<Hyperparameter>& axes,
                          const std::vector<Hyperparameter>& others, double tolerance) {
  std::vector<Hyperparameter> varied;
  for (const std::size_t length : {runs.params.size(), runs.tokens.size(), runs.loss.size()}) {
    if (length != runs.size()) return {};  // refused by whoever groups the runs
  }
  for (const Hyperparameter& other : others) {
    const std::vector<Key> keys = LevelKeys(runs, {other}, tolerance);
    if (std::set<Key>(keys.begin(), keys.end()).size() > 1) varied.push_back(other);
  }
  if (varied.empty()) return {};
  const std::vector<Key> points = LevelKeys(runs, axes, tolerance);
  const std::vector<Key> settings = LevelKeys(runs, varied, tolerance);
  std::map<std::pair<Key, std::uint64_t>, CellSettings> cells;
  const std::vector<Key> params = LevelKeys(runs, {{"params", &RunTable::params}}, tolerance);
  const std::vector<Key> tokens =
      LevelKeys(runs, {{"tokens", &RunTable::tokens}}, std::max(tolerance, kTokensTolerance));
  for (std::size_t row = 0; row < runs.size(); ++row) {
    Key cell = params[row];
    cell.insert(cell.end(), tokens[row].begin(), tokens[row].end());
    cells[{cell, runs.model.empty() ? 0 : runs.model[row]}][points[row]][settings[row]].push_back(row);
  }
  std::vector<bool> keep(runs.size(), true);
  int crossed = 0, partial = 0, confounded = 0;
  for (const auto& [key, cell] : cells) {
    const CellKind kind = Reduce(runs, cell, keep);
    crossed += kind == CellKind::kCrossed;
    partial += kind == CellKind::kPartial;
    confounded += kind == CellKind::kConfounded;
  }
  OneSetting kept{SelectRows(runs, keep), {}};
  const std::string names = Names(varied), points_name = Names(axes);
  if (crossed > 0) {
    kept.warnings.push_back(absl::StrFormat(
        "values of %s differ in %d cells: each point of %s stands at its best (%d of %d runs)", names,
        crossed, points_name, static_cast<int>(kept.runs->size()), static_cast<int>(runs.size())));
  }
  if (partial > 0) {
    kept.warnings.push_back(
        absl::StrFormat("values of %s differ at few points of %d cells: only the runs with the setting that "
                        "most points share "
                        "enter (%d of %d runs)",
                        names, partial, static_cast<int>(kept.runs->size()), static_cast<int>(runs.size())));
  }
  if (confounded > 0) {
    kept.warnings.push_back(
        absl::StrFormat("values of %s follow %s in %d cells: the fit cannot tell their effects apart", names,
                        points_name, confounded));
  }
  return kept;
}

}  // namespace sextant::fitting::optimum
