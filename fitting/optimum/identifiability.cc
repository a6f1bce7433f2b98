// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/identifiability.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/refusal.h"

namespace sextant::fitting::optimum {
namespace {

/// Where D is N times a constant to this much, in natural logarithms, the exponents cannot be told apart.
constexpr double kOneRatio = 0.015;

struct Spread {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void Include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double width() const { return high - low; }
};

const LevelSpan& TargetSpan(const Cell& cell, OptimumTarget target) {
  return target == OptimumTarget::kLearningRate ? cell.rates : cell.batches;
}

Spread TargetSpread(const std::vector<Cell>& cells, OptimumTarget target) {
  Spread spread;
  for (const Cell& cell : cells) {
    for (const CellRun& run : cell.runs) {
      spread.Include(target == OptimumTarget::kLearningRate ? run.log_rate : run.log_batch);
    }
  }
  return spread;
}

/// Standard deviation of ln D that ln N does not explain; 0 when they vary only together.
double UnsharedDeviation(const std::vector<Cell>& cells) {
  double n = 0, d = 0;
  for (const Cell& cell : cells) {
    n += cell.log_params;
    d += cell.log_tokens;
  }
  n /= static_cast<double>(cells.size());
  d /= static_cast<double>(cells.size());
  double nn = 0, nd = 0, dd = 0;
  for (const Cell& cell : cells) {
    nn += (cell.log_params - n) * (cell.log_params - n);
    nd += (cell.log_params - n) * (cell.log_tokens - d);
    dd += (cell.log_tokens - d) * (cell.log_tokens - d);
  }
  return std::sqrt(std::max(0.0, dd - nd * nd / nn) / static_cast<double>(cells.size()));
}

/// Runs that vary the partner but never the target say nothing of the target's optimum; and where nearly
/// every best run lies on one side of its grid, the optimum lies beyond what was tried.
absl::Status CheckSwept(const std::vector<Cell>& cells, OptimumTarget target) {
  constexpr double kBeyondGrid = 0.75;
  const bool rate = target == OptimumTarget::kLearningRate;
  const OptimumTarget partner = rate ? OptimumTarget::kBatchSizeTokens : OptimumTarget::kLearningRate;
  const auto sweeping = [&cells](OptimumTarget axis) {
    return std::count_if(cells.begin(), cells.end(),
                         [axis](const Cell& cell) { return TargetSpan(cell, axis).Swept(); });
  };
  const auto swept = sweeping(target);
  if (swept == 0 && sweeping(partner) > 0) {
    return NotIdentifiableFromDesign(absl::StrCat("no cell has runs at several values of ",
                                                  TargetName(target), ": only ", TargetName(partner),
                                                  " was swept"));
  }
  const EdgeCounts edges = CountEdges(cells);
  const int lowest = rate ? edges.learning_rate_lowest : edges.batch_lowest;
  const int highest = rate ? edges.learning_rate_highest : edges.batch_highest;
  if (swept >= 3 && std::max(lowest, highest) >= kBeyondGrid * static_cast<double>(swept)) {
    return NotIdentifiableFromDesign(
        absl::StrFormat("the best %s of %d of %d cells is the %s that was tried: the optimum lies beyond the "
                        "grid; add runs at %s values",
                        TargetName(target), std::max(lowest, highest), static_cast<int>(swept),
                        lowest > highest ? "lowest" : "highest", lowest > highest ? "lower" : "higher"));
  }
  return absl::OkStatus();
}

void WarnOfEdge(std::vector<std::string>& warnings, int count, std::size_t cells, const char* what,
                const char* end, const char* where) {
  if (count > 0) {
    warnings.push_back(
        absl::StrFormat("%d of %d cells have their best %s on the %s value tried: the optimum may "
                        "lie %s the grid",
                        count, static_cast<int>(cells), what, end, where));
  }
}

}  // namespace

absl::Status CheckIdentifiable(const std::vector<Cell>& cells, OptimumTarget target, LawVariables variables,
                               double tolerance) {
  const std::string name = TargetName(target);
  if (cells.empty()) {
    return NotIdentifiableFromDesign(absl::StrCat("no finished run records params, tokens, loss and ", name));
  }
  const std::vector<std::string> names = LawVariableNames(variables);
  for (std::size_t k = 0; k < names.size(); ++k) {
    Spread spread;
    for (const Cell& cell : cells) {
      spread.Include(LawLogVariables(variables, cell.log_params, cell.log_tokens).x[k]);
    }
    if (spread.width() <= std::log1p(tolerance)) {
      return NotIdentifiableFromDesign(
          absl::StrFormat("%s takes one value (%.6g) in all %d cells; a law in %s needs runs at "
                          "several",
                          names[k], std::exp(spread.low), static_cast<int>(cells.size()), names[k]));
    }
  }
  if (cells.size() < 3) {
    return NotIdentifiableFromDesign(
        absl::StrFormat("%d cells of (params, tokens) have runs that sweep %s; at least 3 are "
                        "needed",
                        static_cast<int>(cells.size()), name));
  }
  if (variables == LawVariables::kParamsTokens && UnsharedDeviation(cells) < kOneRatio) {
    return NotIdentifiableFromDesign(
        "params and tokens vary only together, so their exponents cannot be told apart; fit a "
        "law in one of them, or in compute");
  }
  if (absl::Status status = CheckSwept(cells, target); !status.ok()) {
    return status;
  }
  const Spread spread = TargetSpread(cells, target);
  if (spread.width() <= std::log1p(tolerance)) {
    return NotIdentifiableFromDesign(absl::StrFormat(
        "%s takes one value (%.6g) in all runs: it was not swept", name, std::exp(spread.low)));
  }
  return absl::OkStatus();
}

std::vector<std::string> DesignWarnings(const std::vector<Cell>& cells, OptimumTarget target,
                                        LawVariables variables, const EdgeCounts& edges) {
  std::vector<std::string> warnings;
  const std::vector<std::string> names = LawVariableNames(variables);
  for (std::size_t k = 0; k < names.size(); ++k) {
    Spread spread;
    for (const Cell& cell : cells) {
      spread.Include(LawLogVariables(variables, cell.log_params, cell.log_tokens).x[k]);
    }
    if (spread.width() < std::log(2.0)) {
      warnings.push_back(
          absl::StrFormat("%s spans only a factor of %.3g in these runs: its exponent is weakly "
                          "determined",
                          names[k], std::exp(spread.width())));
    }
  }
  if (cells.size() < names.size() + 3) {
    warnings.push_back(
        absl::StrFormat("%d cells for %d parameters: intervals do not see how far single cells "
                        "scatter about the law",
                        static_cast<int>(cells.size()), static_cast<int>(names.size() + 1)));
  }
  if (target == OptimumTarget::kLearningRate) {
    WarnOfEdge(warnings, edges.learning_rate_lowest, cells.size(), "learning rate", "lowest", "below");
    WarnOfEdge(warnings, edges.learning_rate_highest, cells.size(), "learning rate", "highest", "above");
  } else {
    WarnOfEdge(warnings, edges.batch_lowest, cells.size(), "batch", "lowest", "below");
    WarnOfEdge(warnings, edges.batch_highest, cells.size(), "batch", "highest", "above");
  }
  return warnings;
}

std::vector<Cell> KeepSweptCells(std::vector<Cell> cells, OptimumTarget target,
                                 std::vector<std::string>& warnings) {
  const auto swept = [target](const Cell& cell) { return TargetSpan(cell, target).Swept(); };
  const std::size_t count = static_cast<std::size_t>(std::count_if(cells.begin(), cells.end(), swept));
  if (count == cells.size()) {
    return cells;
  }
  if (count == 0) {
    warnings.push_back(absl::StrCat("no cell has runs at several values of ", TargetName(target),
                                    ": the recorded values are taken to be the optima"));
    return cells;
  }
  warnings.push_back(absl::StrFormat("%d of %d cells left out: %s takes one value in them",
                                     static_cast<int>(cells.size() - count), static_cast<int>(cells.size()),
                                     TargetName(target)));
  cells.erase(std::remove_if(cells.begin(), cells.end(), [&](const Cell& cell) { return !swept(cell); }),
              cells.end());
  return cells;
}

}  // namespace sextant::fitting::optimum
