// SPDX-License-Identifier: Apache-2.0
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "base/random.h"
#include "tests/bench/optimum_studies.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting::bench {
namespace {

/// What sweeps of one family share; pairs are the ends of a uniform draw.
struct Family {
  const char* name;
  std::array<int, 2> models = {3, 5};              ///< distinct N
  std::array<int, 2> horizons = {3, 4};            ///< distinct D of each
  std::array<double, 2> curvature = {0.01, 0.06};  ///< of ln loss along the rate, per squared ln
  std::array<double, 2> wall = {0.3, 1.5};         ///< where losses rise fast, ln above the best rate
  double wall_drift = 0;                           ///< per ln N: walls come nearer as N grows
  double noise = 0.001;                            ///< of ln loss
  double step = 2;                                 ///< grid factor
  int reach = 2;                                   ///< grid points to each side
  double misplaced = 0.5;                          ///< in steps: how far the middle of a grid is off, normal
  double missing_cells = 0, missing_runs = 0;
  double diverging = 1e9;  ///< ln above the best rate beyond which runs diverge
  double cell_deviation = 0.05, model_deviation = 0.05;
  bool rate = true, batch = true;
  bool coupled_decay = false;  ///< weight decay follows the rate
  bool bent = false;           ///< the optimum's exponents change with N and D
  int least_runs = 0;          ///< above 0: this many runs a cell, drawn at random
};

const std::vector<Family>& Families() {
  static const std::vector<Family> families = [] {
    std::vector<Family> list;
    const auto add = [&list](const char* name, const auto& change) {
      Family family{};
      family.name = name;
      change(family);
      list.push_back(family);
    };
    add("plain", [](Family&) {});
    add("quiet", [](Family& f) { f.noise = 0.0001, f.cell_deviation = f.model_deviation = 0; });
    add("noise 1 %", [](Family& f) { f.noise = 0.01; });
    add("steep", [](Family& f) { f.curvature = {0.15, 0.6}; });
    add("flat", [](Family& f) { f.curvature = {0.002, 0.008}, f.noise = 0.002; });
    add("walls move with N", [](Family& f) { f.wall = {0.2, 0.8}, f.wall_drift = 0.25, f.diverging = 1.5; });
    add("fine grid", [](Family& f) { f.step = 1.4, f.reach = 3; });
    add("grid factor 4", [](Family& f) { f.step = 4, f.reach = 1; });
    add("60 runs a cell", [](Family& f) { f.step = 1.6, f.reach = 3, f.misplaced = 1; });
    add("2 to 6 runs a cell", [](Family& f) { f.reach = 3, f.least_runs = 2, f.models = {4, 5}; });
    add("5 or 6 cells", [](Family& f) { f.models = {2, 3}, f.horizons = {2, 3}; });
    add("40 cells", [](Family& f) { f.models = {7, 8}, f.horizons = {5, 5}, f.noise = 0.002; });
    add("edges", [](Family& f) { f.misplaced = 1.2, f.models = {4, 5}; });
    add("gaps", [](Family& f) { f.missing_cells = 0.3, f.missing_runs = 0.3, f.models = {4, 6}; });
    add("diverged", [](Family& f) { f.diverging = 0.7, f.noise = 0.002; });
    add("deviating", [](Family& f) { f.cell_deviation = 0.12, f.model_deviation = 0.15; });
    add("bent", [](Family& f) { f.bent = true; });
    add("rate only", [](Family& f) { f.batch = false, f.models = {4, 6}; });
    add("rate only, 3 rates", [](Family& f) {
      f.batch = false, f.reach = 1, f.models = {5, 7}, f.horizons = {4, 6}, f.curvature = {0.03, 0.2};
    });
    add("batch only", [](Family& f) { f.rate = false, f.models = {4, 6}; });
    add("decay follows the rate", [](Family& f) { f.coupled_decay = true; });
    return list;
  }();
  return families;
}

/// ln loss over its minimum, at ln offsets (u, v) from the optimum: a valley along u = tilt v, a soft wall.
struct Bowl {
  double curvature, across, tilt, wall, skew;
  bool linear_exponential;
  Eigen::Vector2d bottom = Eigen::Vector2d::Zero();

  double Raw(double u, double v) const {
    const double along = u - tilt * v;
    if (linear_exponential) {
      const double t = skew * along;
      const double exponential = t > 6 ? std::exp(6.0) * (t - 5) : std::exp(t);
      return curvature * (exponential - 1 - t) / (skew * skew) +
             across * (std::exp(-0.8 * v) - 1 + 0.8 * v) / 0.64;
    }
    const double beyond = 4 * (u - wall);
    const double soft = (beyond > 30 ? beyond : std::log1p(std::exp(beyond))) / 4;
    return 0.5 * curvature * along * along + 0.5 * across * v * v + 3 * curvature * soft * soft;
  }
  double Value(double u, double v) const {
    return std::min(Raw(u + bottom[0], v + bottom[1]) - Raw(bottom[0], bottom[1]), std::log(2.0));
  }
  /// Moves the minimum to the origin, along the axes that are swept.
  void Centre(bool rate, bool batch) {
    constexpr double kH = 1e-4;
    for (int i = 0; i < 60; ++i) {
      const auto f = [&](double a, double b) { return Raw(bottom[0] + a, bottom[1] + b); };
      const Eigen::Vector2d g((f(kH, 0) - f(-kH, 0)) / (2 * kH), (f(0, kH) - f(0, -kH)) / (2 * kH));
      Eigen::Matrix2d h;
      h(0, 0) = (f(kH, 0) - 2 * f(0, 0) + f(-kH, 0)) / (kH * kH);
      h(1, 1) = (f(0, kH) - 2 * f(0, 0) + f(0, -kH)) / (kH * kH);
      h(0, 1) = h(1, 0) = (f(kH, kH) - f(kH, -kH) - f(-kH, kH) + f(-kH, -kH)) / (4 * kH * kH);
      Eigen::Vector2d move = h.inverse() * g;
      if (!rate) move = {0, g[1] / h(1, 1)};
      if (!batch) move = {g[0] / h(0, 0), 0};
      bottom -= move * std::min(1.0, 0.5 / std::max(move.norm(), 1e-12));
    }
  }
};

/// One random recipe: laws, bowl, and the runs of its sweep.
class Recipe {
 public:
  Recipe(const Family& family, std::uint64_t seed, std::uint64_t stream)
      : family_(family), random_(seed, stream) {
    // Along the batch's optimum, and at a fixed batch where it is not swept.
    rate_ = {std::log(Between(5e-4, 6e-3)), Between(-1, 0.3), Between(-0.5, 0.4)};
    batch_ = {std::log(Between(5e4, 5e5)), Between(-0.3, 0.4), Between(0.1, 0.8)};
    for (double& bend : bend_) bend = family.bent ? 0.03 * random_.Normal() : 0;
    curvature_ = std::exp(Between(std::log(family.curvature[0]), std::log(family.curvature[1])));
    across_ = curvature_ * Between(0.25, 0.8);
    tilt_ = family.batch && family.rate ? Between(0.15, 0.75) : 0;
    wall_ = Between(family.wall[0], family.wall[1]);
    skew_ = Between(0.8, 2.5);
    linear_exponential_ = random_.Uniform() < 0.4;
    amplitude_ = {0.2 * random_.Normal(), 0.1 * random_.Normal()};
  }

  StudyCase Make();

 private:
  struct Place {
    double n, d;  ///< ln
    Eigen::Vector2d deviation;
  };

  double Between(double low, double high) { return low + (high - low) * random_.Uniform(); }
  int Integer(const std::array<int, 2>& ends) {
    return ends[0] + static_cast<int>(random_.Index(static_cast<std::size_t>(ends[1] - ends[0] + 1)));
  }
  Eigen::Vector2d Pair(double deviation) {
    const double a = random_.Normal(), b = random_.Normal();
    return {deviation * a, deviation * (0.5 * a + std::sqrt(0.75) * b)};
  }
  Eigen::Vector2d Optimum(const Place& at) const {
    const double n = at.n - std::log(1e8), d = at.d - std::log(2e9);
    return Eigen::Vector2d(rate_[0] + rate_[1] * n + rate_[2] * d + bend_[0] * n * n + bend_[1] * d * d,
                           batch_[0] + batch_[1] * n + batch_[2] * d + bend_[2] * n * n + bend_[3] * d * d) +
           at.deviation;
  }
  Bowl BowlAt(const Place& at) const {
    const double n = at.n - std::log(1e8), d = at.d - std::log(2e9);
    const double scale = std::exp(std::clamp(amplitude_[0] * n + amplitude_[1] * d, -1.5, 1.5));
    Bowl bowl{scale * curvature_,
              scale * across_,
              tilt_,
              wall_ - family_.wall_drift * n,
              skew_,
              linear_exponential_ && family_.wall_drift == 0};
    bowl.Centre(family_.rate, family_.batch);
    return bowl;
  }
  void AddRuns(const Place& at, RunTable& runs);
  StudyTarget TargetAt(const Place& at, bool beyond);

  const Family& family_;
  RandomStream random_;
  std::array<double, 3> rate_{}, batch_{};
  std::array<double, 4> bend_{};
  std::array<double, 2> amplitude_{};
  double curvature_ = 0, across_ = 0, tilt_ = 0, wall_ = 0, skew_ = 0;
  bool linear_exponential_ = false;
};

void Recipe::AddRuns(const Place& at, RunTable& runs) {
  const Eigen::Vector2d optimum = Optimum(at);
  const Bowl bowl = BowlAt(at);
  const double floor = 1.7 + 400 / std::exp(0.34 * at.n) + 400 / std::exp(0.28 * at.d);
  const double step = std::log(family_.step);
  // Whoever makes a grid knows the optimum to a step or so.
  Eigen::Vector2d middle;
  for (int axis = 0; axis < 2; ++axis) {
    middle[axis] = step * std::round(optimum[axis] / step + family_.misplaced * random_.Normal());
  }
  if (!family_.rate) middle[0] = optimum[0];
  if (!family_.batch) middle[1] = optimum[1];
  std::vector<std::array<int, 2>> grid;
  for (int i = family_.rate ? -family_.reach : 0; i <= (family_.rate ? family_.reach : 0); ++i) {
    for (int j = family_.batch ? -family_.reach : 0; j <= (family_.batch ? family_.reach : 0); ++j) {
      if (random_.Uniform() >= family_.missing_runs) grid.push_back({i, j});
    }
  }
  if (family_.least_runs > 0) {
    const std::size_t keep = static_cast<std::size_t>(family_.least_runs) + random_.Index(5);
    while (grid.size() > keep)
      grid.erase(grid.begin() + static_cast<std::ptrdiff_t>(random_.Index(grid.size())));
  }
  for (const auto& [i, j] : grid) {
    const double log_rate = middle[0] + step * i, log_batch = middle[1] + step * j;
    const double u = log_rate - optimum[0], v = log_batch - optimum[1];
    const bool diverged = u > family_.diverging;
    const double loss = floor * std::exp(bowl.Value(u, v) + family_.noise * random_.Normal());
    testing::AddRun(runs, std::exp(at.n), std::exp(at.d), std::exp(log_rate),
                    family_.batch || !family_.rate ? std::exp(log_batch) : 262144.0,
                    diverged ? std::nan("") : loss, diverged ? RunState::kDiverged : RunState::kFinished);
    if (family_.coupled_decay) runs.weight_decay.push_back(100 * std::exp(log_rate));
  }
}

StudyTarget Recipe::TargetAt(const Place& at, bool beyond) {
  const Eigen::Vector2d optimum = Optimum(at);
  auto bowl = std::make_shared<const Bowl>(BowlAt(at));
  const bool rate = family_.rate, batch = family_.batch;
  const auto excess = [bowl, optimum, rate, batch](const Eigen::Vector2d& where) {
    return 100 * std::expm1(bowl->Value(rate ? where[0] - optimum[0] : 0, batch ? where[1] - optimum[1] : 0));
  };
  StudyTarget target{std::exp(at.n), std::exp(at.d), beyond, optimum, excess, 0};
  target.reachable_pct = excess(optimum - at.deviation);
  if (!rate) target.optimum[0] = std::numeric_limits<double>::quiet_NaN();
  if (!batch) target.optimum[1] = std::numeric_limits<double>::quiet_NaN();
  return target;
}

StudyCase Recipe::Make() {
  StudyCase made;
  made.family = std::string("synthetic, ") + family_.name;
  made.rate = family_.rate, made.batch = family_.batch;
  const int models = Integer(family_.models), horizons = Integer(family_.horizons);
  const double model_step = Between(std::log(1.8), std::log(3)),
               horizon_step = Between(std::log(2), std::log(4));
  const double first = Between(std::log(1e7), std::log(1e8)), per_param = Between(std::log(5), std::log(20));
  std::vector<Place> places;
  for (int m = 0; m < models; ++m) {
    const Eigen::Vector2d shared = Pair(family_.model_deviation);
    for (int h = 0; h < horizons; ++h) {
      places.push_back({first + m * model_step, first + per_param + 0.7 * m * model_step + h * horizon_step,
                        shared + Pair(family_.cell_deviation)});
    }
  }
  const std::size_t left_out = random_.Index(places.size());
  double n_high = -1e9, d_high = -1e9;
  for (std::size_t c = 0; c < places.size(); ++c) {
    n_high = std::max(n_high, places[c].n), d_high = std::max(d_high, places[c].d);
    const bool missing = random_.Uniform() < family_.missing_cells;
    if (places.size() > 6 && (c == left_out || missing)) continue;
    AddRuns(places[c], made.runs);
  }
  made.targets.push_back(TargetAt(places[left_out], false));
  made.targets.push_back(TargetAt(places.back(), false));
  const double three = std::log(3.0), ten = std::log(10.0);
  const Eigen::Vector2d fresh = Pair(std::hypot(family_.model_deviation, family_.cell_deviation));
  for (const auto& [n, d] :
       {std::pair(three, 0.0), {0.0, three}, {three, three}, {ten, 0.0}, {0.0, ten}, {ten, ten}}) {
    made.targets.push_back(TargetAt({n_high + n, d_high + d, fresh}, true));
  }
  made.worst_pct = WorstTriedPercent(made.runs);
  return made;
}

}  // namespace

std::vector<StudyCase> SyntheticStudies(int sweeps, std::uint64_t seed) {
  std::vector<StudyCase> cases;
  for (std::size_t f = 0; f < Families().size(); ++f) {
    for (int i = 0; i < sweeps; ++i) {
      Recipe recipe(Families()[f], seed + static_cast<std::uint64_t>(i), 100 + f);
      cases.push_back(recipe.Make());
    }
  }
  return cases;
}

}  // namespace sextant::fitting::bench
