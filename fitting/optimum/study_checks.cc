// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/study_checks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sextant::fitting::optimum {
namespace {

constexpr double kApart = 64;
/// Sequences are hundreds of tokens; early stops and rounding are within this.
constexpr double kFar = 16;
constexpr double kNearParams = 0.03;

double At(const std::vector<double>& column, std::size_t row) {
  return column.empty() ? std::nan("") : column[row];
}

absl::Status Mixed(const std::string& what) {
  return absl::FailedPreconditionError(
      what +
      ": batches are tokens per optimizer step; import those runs again with the batch in tokens "
      "(sequences x sequence length), or leave them out with a filter");
}

/// The widest gap between neighbouring batches, in natural logarithms, and the widest but one.
struct Gaps {
  double widest = 0, next = 0, below = 0, above = 0;
};

std::set<double> BatchesOf(const Cell& cell) {
  std::set<double> batches;
  for (const CellRun& run : cell.runs) {
    if (std::isfinite(run.log_batch)) batches.insert(run.log_batch);
  }
  return batches;
}

bool InTwoUnits(const Gaps& gaps) {
  return gaps.widest >= std::log(kApart) && gaps.next <= gaps.widest - std::log(4.0);
}

Gaps GapsOf(const std::set<double>& batches) {
  Gaps gaps;
  for (auto it = batches.begin(); it != batches.end() && std::next(it) != batches.end(); ++it) {
    const double gap = *std::next(it) - *it;
    if (gap > gaps.widest) {
      gaps.next = gaps.widest;
      gaps.widest = gap, gaps.below = *it, gaps.above = *std::next(it);
    } else {
      gaps.next = std::max(gaps.next, gap);
    }
  }
  return gaps;
}

}  // namespace

absl::Status CheckBatchUnits(const RunTable& runs, const std::vector<Cell>& cells) {
  int known = 0, whole = 0, far = 0, short_of_sequence = 0, used = 0;
  for (const Cell& cell : cells) {
    for (const CellRun& run : cell.runs) {
      const double batch = At(runs.batch_size_tokens, run.row);
      if (!(batch > 0)) continue;
      ++used;
      short_of_sequence += batch < 0.999 * At(runs.sequence_length, run.row);
      const double steps = At(runs.steps, run.row);
      if (!(steps > 0)) continue;
      ++known;
      const double ratio = At(runs.tokens, run.row) / (steps * batch);
      whole += ratio > 0.5 && ratio < 2;
      far += ratio > kFar || ratio < 1 / kFar;
    }
  }
  if (short_of_sequence > 0) {
    return Mixed(
        absl::StrFormat("%d of %d runs have a batch smaller than one sequence", short_of_sequence, used));
  }
  if (whole > 0 && far > 0) {
    return Mixed(absl::StrFormat("tokens = steps x batch holds for %d of %d runs only", whole, known));
  }
  std::set<double> middles;
  for (const Cell& cell : cells) {
    const std::set<double> batches = BatchesOf(cell);
    if (batches.empty()) continue;
    middles.insert(0.5 * (*batches.begin() + *batches.rbegin()));
    const Gaps gaps = GapsOf(batches);
    if (InTwoUnits(gaps)) {
      return Mixed(absl::StrFormat(
          "at params %.4g and tokens %.4g batches fall into two groups, up to %.4g and from %.4g, as if some "
          "were in "
          "sequences",
          std::exp(cell.log_params), std::exp(cell.log_tokens), std::exp(gaps.below), std::exp(gaps.above)));
    }
  }
  // Whole cells may be in the other unit, too.
  if (const Gaps gaps = GapsOf(middles); InTwoUnits(gaps)) {
    return Mixed(
        absl::StrFormat("cells fall into two groups, those with batches about %.4g and less and those about "
                        "%.4g and more, as if some cells were in sequences",
                        std::exp(gaps.below), std::exp(gaps.above)));
  }
  return absl::OkStatus();
}

absl::Status CheckOneRecipe(const RunTable& runs, const std::vector<Cell>& cells) {
  constexpr std::size_t kMostNamed = 4;
  std::map<std::string, int> recipes;
  int mixed = 0;
  for (const Cell& cell : cells) {
    double shortest = std::nan(""), longest = std::nan("");
    for (const CellRun& run : cell.runs) {
      shortest = std::fmin(shortest, At(runs.sequence_length, run.row));
      longest = std::fmax(longest, At(runs.sequence_length, run.row));
      const std::int32_t recipe = runs.recipe.empty() ? -1 : runs.recipe[run.row];
      if (recipe >= 0) ++recipes[runs.recipes[static_cast<std::size_t>(recipe)]];
    }
    mixed += longest > shortest;
  }
  if (recipes.size() > 1) {
    std::vector<std::string> named;
    for (const auto& [recipe, count] : recipes) {
      named.push_back(absl::StrFormat("'%s' (%d runs)", recipe, count));
    }
    if (named.size() > kMostNamed) {
      named.resize(kMostNamed);
      named.push_back("...");
    }
    return absl::FailedPreconditionError(
        absl::StrFormat("the runs are of %d recipes, whose optima differ: %s; fit one of them, with such a "
                        "filter",
                        static_cast<int>(recipes.size()), absl::StrJoin(named, ", ")));
  }
  if (mixed > 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%d of %d cells of one params and tokens hold runs of several sequence lengths, "
                        "whose losses cannot be "
                        "compared; fit one of them with a filter on sequence_length",
                        mixed, static_cast<int>(cells.size())));
  }
  return absl::OkStatus();
}

std::vector<std::string> StudyWarnings(const RunTable& runs, const std::vector<Cell>& cells) {
  std::vector<std::string> warnings;
  std::map<double, int> lengths;
  for (const Cell& cell : cells) {
    for (const CellRun& run : cell.runs) {
      const double length = At(runs.sequence_length, run.row);
      if (length > 0) ++lengths[length];
    }
  }
  if (lengths.size() > 1) {
    std::vector<std::string> named;
    for (const auto& [length, count] : lengths)
      named.push_back(absl::StrFormat("%g (%d runs)", length, count));
    if (named.size() > 6) named.resize(6);
    warnings.push_back(
        absl::StrFormat("%d sequence lengths are fitted as one study: %s; select one with a filter if losses "
                        "are not comparable",
                        static_cast<int>(lengths.size()), absl::StrJoin(named, ", ")));
  }
  int near = 0;
  double first = 0, second = 0;
  for (std::size_t c = 0; c + 1 < cells.size(); ++c) {
    const double apart = cells[c + 1].log_params - cells[c].log_params;
    if (apart > 1e-9 && apart < kNearParams && apart > kParamsTolerance) {
      if (near == 0) first = cells[c].log_params, second = cells[c + 1].log_params;
      ++near;
    }
  }
  if (near > 0) {
    warnings.push_back(
        absl::StrFormat("params %.6g and %.6g%s are taken for models of their own though they differ by less "
                        "than 3 %%; give runs of "
                        "one model one number",
                        std::exp(first), std::exp(second),
                        near > 1 ? absl::StrFormat(" (and %d more pairs)", near - 1) : ""));
  }
  return warnings;
}

}  // namespace sextant::fitting::optimum
