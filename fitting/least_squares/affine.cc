// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/affine.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fitting/least_squares/bounded_least_squares.h"

namespace sextant::fitting::solve {
namespace {

using PairFlags =
    std::vector<char>;  // [i * k + j]: the second derivative by free parameters i, j may differ from 0

PairFlags PairsByForm(Evaluator& evaluator) {
  const std::vector<ParameterMap::Free>& free = evaluator.map().free();
  const std::size_t k = free.size();
  PairFlags flags(k * k, 0);
  const auto pairs = evaluator.bound().SecondDerivativePairs();
  for (const auto& [a, b] : *pairs) {
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = 0; j < k; ++j) {
        if (free[i].index == a && free[j].index == b) flags[i * k + j] = flags[j * k + i] = 1;
      }
    }
  }
  return flags;
}

// Moves parameter j and looks at which columns of the Jacobian change.
PairFlags PairsByDifference(Evaluator& evaluator, std::span<const double> probe) {
  const ParameterMap& map = evaluator.map();
  const std::size_t k = map.free_count();
  const std::size_t n = evaluator.rows();
  PairFlags flags(k * k, 0);
  std::vector<double> natural(map.natural_count()), value(n);
  std::vector<double> base(n * natural.size()), moved(base.size());
  map.ToNatural(probe, natural);
  evaluator.bound().ValuesAndJacobian(natural, value, base);
  for (std::size_t j = 0; j < k; ++j) {
    const std::size_t index = map.free()[j].index;
    const double held = natural[index];
    natural[index] = held * 1.37 + (held == 0 ? 0.21 : 0);
    evaluator.bound().ValuesAndJacobian(natural, value, moved);
    natural[index] = held;
    for (std::size_t i = 0; i < k; ++i) {
      const std::size_t column = map.free()[i].index * n;
      for (std::size_t row = 0; row < n; ++row) {
        const double before = base[column + row], after = moved[column + row];
        const bool same = std::abs(after - before) <= 1e-10 * (std::abs(before) + std::abs(after));
        if (!same) flags[i * k + j] = flags[j * k + i] = 1;
      }
    }
  }
  return flags;
}

bool LogLinear(Evaluator& evaluator, std::span<const double> probe) {
  if (evaluator.residual_kind() != ResidualKind::kLog) return false;
  std::vector<double> residual, base, moved;
  if (!evaluator.Residuals(probe, residual, &base)) return false;
  std::vector<double> point(probe.begin(), probe.end());
  for (std::size_t j = 0; j < point.size(); ++j) point[j] += 0.1 * (1 + static_cast<double>(j % 3));
  if (!evaluator.Residuals(point, residual, &moved)) return false;
  for (std::size_t i = 0; i < base.size(); ++i) {
    if (!(std::abs(base[i] - moved[i]) <= 1e-10 * (std::abs(base[i]) + std::abs(moved[i])))) return false;
  }
  return true;
}

// Largest set without a flagged pair among `candidates`; exact while there are few, greedy beyond.
std::vector<std::size_t> LargestCleanSet(const PairFlags& flags, std::size_t k) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < k; ++i) {
    if (!flags[i * k + i]) candidates.push_back(i);
  }
  const auto clean = [&](const std::vector<std::size_t>& set, std::size_t next) {
    return std::none_of(set.begin(), set.end(),
                        [&](std::size_t other) { return flags[next * k + other] != 0; });
  };
  std::vector<std::size_t> best;
  if (candidates.size() <= 12) {
    for (std::size_t mask = 1; mask < (std::size_t{1} << candidates.size()); ++mask) {
      std::vector<std::size_t> set;
      bool valid = true;
      for (std::size_t c = 0; c < candidates.size() && valid; ++c) {
        if (!(mask >> c & 1)) continue;
        valid = clean(set, candidates[c]);
        set.push_back(candidates[c]);
      }
      if (valid && set.size() > best.size()) best = set;
    }
    return best;
  }
  for (const std::size_t candidate : candidates) {
    if (clean(best, candidate)) best.push_back(candidate);
  }
  return best;
}

}  // namespace

AffineStructure FindAffineStructure(Evaluator& evaluator, std::span<const double> probe) {
  const std::size_t k = evaluator.dimension();
  AffineStructure structure;
  structure.log_linear = LogLinear(evaluator, probe);
  const PairFlags flags = evaluator.bound().SecondDerivativePairs() ? PairsByForm(evaluator)
                                                                    : PairsByDifference(evaluator, probe);
  structure.linear = LargestCleanSet(flags, k);
  for (std::size_t i = 0; i < k; ++i) {
    if (std::find(structure.linear.begin(), structure.linear.end(), i) == structure.linear.end()) {
      structure.nonlinear.push_back(i);
    }
  }
  return structure;
}

bool AffineSolver::Solve(Evaluator& evaluator, std::span<double> walked) {
  const ParameterMap& map = evaluator.map();
  const std::size_t n = data_.size();
  const std::size_t m = structure_.linear.size();
  if (m == 0) return true;
  natural_.resize(map.natural_count());
  value_.resize(n);
  jacobian_.resize(n * natural_.size());
  map.ToNatural(walked, natural_);
  for (const std::size_t k : structure_.linear) natural_[map.free()[k].index] = 0;
  evaluator.bound().ValuesAndJacobian(natural_, value_, jacobian_);

  const bool relative = evaluator.residual_kind() == ResidualKind::kLog;
  normal_.assign(m * m, 0.0);
  right_.assign(m, 0.0);
  for (std::size_t row = 0; row < n; ++row) {
    const double scale = relative ? 1.0 / data_.observed[row] : 1.0;
    const double weight = evaluator.weights()[row] * scale * scale;
    const double target = data_.observed[row] - value_[row];
    for (std::size_t i = 0; i < m; ++i) {
      const double left = jacobian_[map.free()[structure_.linear[i]].index * n + row];
      right_[i] += weight * left * target;
      for (std::size_t j = 0; j <= i; ++j) {
        normal_[i * m + j] += weight * left * jacobian_[map.free()[structure_.linear[j]].index * n + row];
      }
    }
  }
  std::vector<double> low(m), high(m);
  for (std::size_t i = 0; i < m; ++i) {
    const ParameterMap::Free& free = map.free()[structure_.linear[i]];
    low[i] = free.log ? std::exp(free.low) : free.low;
    high[i] = free.log ? std::exp(free.high) : free.high;
    for (std::size_t j = 0; j < i; ++j) normal_[j * m + i] = normal_[i * m + j];
  }
  if (!SolveBoundedLeastSquares(normal_, right_, low, high, solution_)) return false;

  double typical = 0;
  for (const double observed : data_.observed) typical += std::abs(observed) / static_cast<double>(n);
  for (std::size_t i = 0; i < m; ++i) {
    const std::size_t k = structure_.linear[i];
    const ParameterMap::Free& free = map.free()[k];
    if (!free.log) {
      walked[k] = std::clamp(solution_[i], free.low, free.high);
      continue;
    }
    double column = 0;
    for (std::size_t row = 0; row < n; ++row) {
      column += std::abs(jacobian_[free.index * n + row]) / static_cast<double>(n);
    }
    const double least = column > 0 && std::isfinite(column) ? 0.01 * typical / column : 1.0;
    walked[k] = std::clamp(std::log(std::max(solution_[i], least)), free.low, free.high);
  }
  return true;
}

}  // namespace sextant::fitting::solve
