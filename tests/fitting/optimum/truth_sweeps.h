// SPDX-License-Identifier: Apache-2.0
// Random sweeps whose every optimum is known, cells outside the sweep included: what intervals and laws are
// judged by. The bowls are of three kinds, none of them the kind that the joint surface fits.
#pragma once

#include <Eigen/Core>
#include <Eigen/LU>
#include <array>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "fitting/run_table.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting::testing {

/// What sweeps of one family share. Deviations are of ln rate and ln batch about the laws.
struct TruthFamily {
  const char* name;
  int models = 4;              ///< distinct N, a factor 2 to 3 apart
  int horizons = 3;            ///< distinct D for each N, a factor 2 to 4 apart
  double noise = 0.001;        ///< of ln loss, single runs
  double step = 2;             ///< grid factor of rates and batches
  int reach = 3;               ///< grid points to each side of the middle
  double missing = 0;          ///< share of cells left out
  bool diverging = false;      ///< runs e^1.2 above the best rate diverge
  double model_deviation = 0;  ///< shared by the cells of one N
  double cell_deviation = 0;
};

/// ln loss over its minimum, 0 at the origin and convex near it.
struct TrueBowl {
  int kind =
      0;  ///< 0 quadratic, 1 quadratic with a soft wall to high rates, 2 linear-exponential in each axis
  double rate_curvature = 0.02, batch_curvature = 0.01, tilt = 0.5, wall = 2;

  double Raw(double u, double v) const {
    const double along = u - tilt * v;
    if (kind == 2) {
      return rate_curvature * (std::exp(wall * along) - 1 - wall * along) / (wall * wall) +
             batch_curvature * (std::exp(-0.8 * v) - 1 + 0.8 * v) / 0.64;
    }
    const double soft = kind == 1 ? std::log1p(std::exp(wall * (u - 0.3))) / wall : 0;
    return 0.5 * rate_curvature * along * along + 0.5 * batch_curvature * v * v +
           1.5 * rate_curvature * soft * soft;
  }

  /// Where Raw is least: Newton with differences, for the wall moves the minimum.
  Eigen::Vector2d Bottom() const {
    Eigen::Vector2d at(0, 0);
    constexpr double kH = 1e-4;
    for (int i = 0; kind == 1 && i < 50; ++i) {
      const auto f = [&](double a, double b) { return Raw(at[0] + a, at[1] + b); };
      const Eigen::Vector2d g((f(kH, 0) - f(-kH, 0)) / (2 * kH), (f(0, kH) - f(0, -kH)) / (2 * kH));
      Eigen::Matrix2d h;
      h(0, 0) = (f(kH, 0) - 2 * f(0, 0) + f(-kH, 0)) / (kH * kH);
      h(1, 1) = (f(0, kH) - 2 * f(0, 0) + f(0, -kH)) / (kH * kH);
      h(0, 1) = h(1, 0) = (f(kH, kH) - f(kH, -kH) - f(-kH, kH) + f(-kH, -kH)) / (4 * kH * kH);
      at -= (h + 1e-6 * Eigen::Matrix2d::Identity()).inverse() * g;
    }
    return at;
  }
};

struct TrueCell {
  double params, tokens;
  double rate, batch;  ///< its optimum
};

struct TruthSweep {
  RunTable runs;
  std::vector<TrueCell> kept;    ///< cells of the sweep, by N, then D
  std::vector<TrueCell> inside;  ///< cells left out among those of the sweep, or at its corner
  std::vector<TrueCell> beyond;  ///< twice and four times the largest N and D
  TrueBowl bowl;
  Eigen::Vector2d bottom;

  double ExcessPercent(const TrueCell& cell, double rate, double batch) const {
    const double u = std::log(rate / cell.rate), v = std::log(batch / cell.batch);
    return 100 * std::expm1(bowl.Raw(u + bottom[0], v + bottom[1]) - bowl.Raw(bottom[0], bottom[1]));
  }

  static TruthSweep Make(const TruthFamily& family, std::uint64_t seed) {
    RandomStream random(seed, 7);
    const auto between = [&](double low, double high) { return low + (high - low) * random.Uniform(); };
    TruthSweep sweep;
    sweep.bowl = {static_cast<int>(random.Index(3)), between(0.012, 0.04), between(0.006, 0.02),
                  between(0.2, 0.7), between(1, 2.5)};
    sweep.bottom = sweep.bowl.Bottom();
    const double rate_n = between(-0.8, -0.25), rate_d = between(-0.05, 0.3);
    const double batch_n = between(-0.05, 0.25), batch_d = between(0.35, 0.65);
    const double model_factor = between(2, 3), horizon_factor = between(2, 4);
    const double first_model = std::exp(between(std::log(1e7), std::log(1e8)));
    const double per_param = between(5, 20);
    const auto cell = [&](double params, double tokens, const Eigen::Vector2d& deviation) {
      const double n = std::log(params / 1e8), d = std::log(tokens / 2e9);
      return TrueCell{params, tokens, 2e-3 * std::exp(rate_n * n + rate_d * d + deviation[0]),
                      2e5 * std::exp(batch_n * n + batch_d * d + deviation[1])};
    };
    const auto pair = [&](double deviation) {
      const double a = random.Normal(), b = random.Normal();
      return Eigen::Vector2d(deviation * a, deviation * (0.5 * a + std::sqrt(0.75) * b));
    };
    // Cells: every N with horizons that grow with it, as sweeps of constant D/N have.
    std::vector<TrueCell> cells;
    for (int m = 0; m < family.models; ++m) {
      const double params = first_model * std::pow(model_factor, m);
      const Eigen::Vector2d shared = pair(family.model_deviation);
      for (int h = 0; h < family.horizons; ++h) {
        const double tokens =
            per_param * first_model * std::pow(model_factor, 0.7 * m) * std::pow(horizon_factor, h);
        cells.push_back(cell(params, tokens, shared + pair(family.cell_deviation)));
      }
    }
    const std::size_t left_out = random.Index(cells.size() - 1);
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const bool missing = random.Uniform() < family.missing;
      if (c == left_out || c + 1 == cells.size()) {
        sweep.inside.push_back(cells[c]);
      } else if (!missing) {
        sweep.kept.push_back(cells[c]);
        sweep.AddRuns(family, cells[c], random);
      }
    }
    for (const double factor : {2.0, 4.0}) {
      sweep.beyond.push_back(cell(factor * cells.back().params, factor * cells.back().tokens,
                                  pair(std::hypot(family.model_deviation, family.cell_deviation))));
    }
    return sweep;
  }

 private:
  void AddRuns(const TruthFamily& family, const TrueCell& cell, RandomStream& random) {
    const double floor = 1.7 + 400 / std::pow(cell.params, 0.34) + 400 / std::pow(cell.tokens, 0.28);
    // Whoever makes the grid knows the optimum to about a step.
    const double step = std::log(family.step);
    const double middle_rate = std::round(std::log(cell.rate) / step + 0.7 * random.Normal());
    const double middle_batch = std::round(std::log(cell.batch) / step + 0.7 * random.Normal());
    for (int i = -family.reach; i <= family.reach; ++i) {
      for (int j = -family.reach; j <= family.reach; ++j) {
        const double rate = std::exp(step * (middle_rate + i)), batch = std::exp(step * (middle_batch + j));
        const bool diverged = family.diverging && std::log(rate / cell.rate) > 1.2;
        const double excess = std::log1p(ExcessPercent(cell, rate, batch) / 100);
        AddRun(runs, cell.params, cell.tokens, rate, batch,
               diverged ? NAN : floor * std::exp(excess + family.noise * random.Normal()),
               diverged ? RunState::kDiverged : RunState::kFinished);
      }
    }
  }
};

/// Families that differ in noise, grid, number of cells, gaps, and whether cells keep to the laws.
inline const std::vector<TruthFamily>& TruthFamilies() {
  static const std::vector<TruthFamily> families = {
      {"pure, quiet", 4, 3, 0.0003, 2, 3, 0, false, 0, 0},
      {"pure, silent", 4, 3, 0, 2, 3, 0, false, 0, 0},
      {"pure, fine grid", 4, 3, 0.001, std::sqrt(2.0), 5, 0, false, 0, 0},
      {"pure", 4, 3, 0.002, 2, 3, 0, false, 0, 0},
      {"pure, noisy, gaps", 5, 4, 0.004, 2, 3, 0.3, true, 0, 0},
      {"pure, coarse", 4, 3, 0.001, 4, 2, 0, false, 0, 0},
      {"pure, few cells", 3, 3, 0.001, 2, 3, 0, false, 0, 0},
      {"pure, many cells", 5, 4, 0.001, 2, 3, 0, true, 0, 0},
      {"deviating", 4, 3, 0.001, 2, 3, 0, false, 0.1, 0.06},
      {"deviating, fine, gaps", 5, 4, 0.002, std::sqrt(2.0), 5, 0.3, true, 0.15, 0.1},
      {"deviating cells, coarse", 4, 3, 0.001, 4, 2, 0, false, 0, 0.15},
      {"deviating, few cells", 3, 3, 0.001, 2, 3, 0, false, 0.1, 0.06},
      {"pure, very few cells", 3, 2, 0.001, 2, 3, 0, false, 0, 0},
      {"deviating, very few cells", 3, 2, 0.001, 2, 3, 0, false, 0.1, 0.06},
      {"deviating models", 5, 4, 0.001, 2, 3, 0, false, 0.2, 0.03},
  };
  return families;
}

}  // namespace sextant::fitting::testing
