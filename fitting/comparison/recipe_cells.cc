// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/recipe_cells.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace sextant::fitting::comparison {
namespace {

constexpr double kSameScale = 0.01;  ///< relative: loggers round N and D

// A number as a key: NaN equals NaN, and the last bits, which parsers differ in, do not count.
std::int64_t KeyOf(double value) {
  return std::isnan(value) ? std::int64_t{-1} << 40 : std::llround(std::log(value) * 1e9);
}

double FlopsOf(const RecipeRun& run) {
  return std::isfinite(run.flops) ? run.flops : 6 * run.params * run.tokens;
}

bool Near(double a, double b) { return std::fabs(std::log(a / b)) <= kSameScale; }

}  // namespace

std::vector<RepeatGroup> RepeatGroups(std::span<const RecipeRun> runs) {
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::string>;
  std::map<Key, std::map<std::pair<std::int64_t, std::int64_t>, const RecipeRun*>> settings;
  for (const RecipeRun& run : runs) {
    const Key key{KeyOf(run.params), KeyOf(run.tokens), KeyOf(run.learning_rate),
                  KeyOf(run.batch_size_tokens), run.other_settings};
    // One seed is one run; without seeds, one loss is.
    settings[key].try_emplace({run.seed.value_or(-1), run.seed ? 0 : KeyOf(run.loss)}, &run);
  }
  std::vector<RepeatGroup> groups;
  for (const auto& [key, members] : settings) {
    RepeatGroup group;
    double mean_log = 0;
    for (const auto& [seed, run] : members) {
      group.mean_loss += run->loss / static_cast<double>(members.size());
      mean_log += std::log(run->loss) / static_cast<double>(members.size());
    }
    for (const auto& [seed, run] : members) {
      const double deviation = std::log(run->loss) - mean_log;
      group.sum_squares += deviation * deviation;
    }
    const RecipeRun& first = *members.begin()->second;
    group.params = first.params;
    group.tokens = first.tokens;
    group.flops = FlopsOf(first);
    group.runs = members.size();
    groups.push_back(group);
  }
  return groups;
}

std::vector<RecipeCell> CellsOf(std::span<const RecipeRun> runs) {
  std::vector<RecipeCell> cells;
  for (const RepeatGroup& group : RepeatGroups(runs)) {
    auto cell = std::find_if(cells.begin(), cells.end(), [&](const RecipeCell& c) {
      return Near(c.params, group.params) && Near(c.tokens, group.tokens);
    });
    if (cell == cells.end()) {
      cells.push_back({group.params, group.tokens, group.flops, group.mean_loss, group.runs, 1, 0});
      continue;
    }
    ++cell->settings;
    if (group.mean_loss < cell->loss) {
      cell->loss = group.mean_loss;
      cell->repeats = group.runs;
      cell->flops = group.flops;
    }
  }
  for (RecipeCell& cell : cells) {
    double sum = 0;
    int count = 0;
    for (const RecipeRun& run : runs) {
      if (!(run.tokens_per_second > 0) || !Near(run.params, cell.params) || !Near(run.tokens, cell.tokens))
        continue;
      sum += std::log(run.tokens_per_second);
      ++count;
    }
    if (count > 0) cell.tokens_per_second = std::exp(sum / count);
  }
  std::sort(cells.begin(), cells.end(), [](const RecipeCell& a, const RecipeCell& b) {
    return std::tie(a.flops, a.params) < std::tie(b.flops, b.params);
  });
  return cells;
}

std::vector<RecipeCell> Envelope(const std::vector<RecipeCell>& cells) {
  std::vector<RecipeCell> envelope;
  for (const RecipeCell& cell : cells) {
    const bool beaten = std::any_of(cells.begin(), cells.end(), [&](const RecipeCell& other) {
      return other.flops <= cell.flops * (1 + kSameScale) && other.loss < cell.loss;
    });
    if (!beaten) envelope.push_back(cell);
  }
  return envelope;
}

}  // namespace sextant::fitting::comparison
