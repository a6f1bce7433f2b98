// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/expression/suggest.h"

#include <algorithm>
#include <cctype>

#include "fitting/law/expression/limits.h"

namespace sextant::fitting::expression {
namespace {

// Optimal string alignment distance in half edits: a difference of case costs 1, any other edit 2.
int Distance(std::string_view x, std::string_view y) {
  auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  auto change = [&](char a, char b) { return a == b ? 0 : lower(a) == lower(b) ? 1 : 2; };
  std::vector<int> before, previous(y.size() + 1), current(y.size() + 1);
  for (std::size_t j = 0; j <= y.size(); ++j) previous[j] = 2 * static_cast<int>(j);
  for (std::size_t i = 1; i <= x.size(); ++i) {
    current[0] = 2 * static_cast<int>(i);
    for (std::size_t j = 1; j <= y.size(); ++j) {
      current[j] =
          std::min({previous[j] + 2, current[j - 1] + 2, previous[j - 1] + change(x[i - 1], y[j - 1])});
      if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 2);
      }
    }
    before = previous;
    previous = current;
  }
  return previous[y.size()];
}

}  // namespace

std::string ClosestName(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kMaxNameBytes) return "";
  std::string best;
  int best_distance = std::max<int>(1, std::min<int>(4, static_cast<int>(name.size()))) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kMaxNameBytes) continue;
    if (int distance = Distance(name, candidate); distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string closest = ClosestName(name, candidates);
  return closest.empty() ? "" : "; did you mean '" + closest + "'?";
}

}  // namespace sextant::fitting::expression
