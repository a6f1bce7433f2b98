// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/curve_dev_set.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "tests/bench/curve_dev_shapes.h"

namespace sextant::bench {
namespace {

// How a curve is measured.
struct Measuring {
  double span = 3;             // ln of last x over first x
  double cut = 2;              // ln x where the tail begins
  int points = 20;             // head and tail
  bool even_in_x = false;      // or in ln x
  double noise = .01;          // sd of ln y, independent
  double wander = 0;           // sd of ln y, slow
  double memory = .7;          // of the wandering, from one point to the next
  bool heavy_tails = false;    // Student's t with 3 degrees instead of a normal
  double outliers = 0;         // share of points moved by 5 to 15 times the noise
  bool small_is_noisy = true;  // few test images make small errors noisier than large ones
};

DevCurve Measure(RandomStream& random, const std::string& family, const Shape& shape, const Measuring& m) {
  DevCurve curve{family, {}, {}, {}, {}, {}};
  double state = m.wander * random.Normal();
  const double high = std::exp(m.span);
  for (int i = 0; i < m.points; ++i) {
    const double share = static_cast<double>(i) / (m.points - 1);
    const double u = m.even_in_x ? std::log(1 + (high - 1) * share) : m.span * share;
    state = m.memory * state + std::sqrt(1 - m.memory * m.memory) * m.wander * random.Normal();
    const double clean = shape(u);
    double sd = m.noise * (m.small_is_noisy ? std::sqrt(.5 / std::max(clean, .02)) : 1);
    if (m.heavy_tails) sd /= std::sqrt(random.ChiSquared(3));  // the same spread as t over sqrt(3)
    double error = state + sd * random.Normal();
    const bool head = u <= m.cut;
    if (head && random.Uniform() < m.outliers) {
      error += (random.Uniform() < .7 ? 1 : -1) * m.noise * Between(random, 5, 15);
    }
    const double x = std::exp(u + 14);
    (head ? curve.x : curve.tail_x).push_back(x);
    (head ? curve.y : curve.tail_y).push_back(clean * std::exp(error));
    if (!head) curve.tail_truth.push_back(clean);
  }
  return curve;
}

DevCurve Draw(RandomStream& random, const std::string& family, ShapeSet set) {
  const bool vision = family == "vision", tasks = family == "tasks";
  Measuring m;
  m.span = vision ? Between(random, 2.3, 6) : tasks ? Between(random, 2, 5) : Between(random, 2.5, 4.6);
  const Shape shape = vision  ? ErrorShape(random, set, m.span)
                      : tasks ? TaskShape(random, set, m.span)
                              : LossShape(random, set, family == "translation");
  m.points = static_cast<int>(vision  ? std::lround(LogBetween(random, 14, 120))
                              : tasks ? 7 + random.Index(8)
                                      : 8 + random.Index(14));
  m.noise = vision  ? LogBetween(random, .002, .03)
            : tasks ? LogBetween(random, .003, .03)
                    : LogBetween(random, .001, .006);
  m.wander = Between(random, 0, .8) * m.noise;
  m.memory = m.points > 60 ? .9 : .7;
  m.small_is_noisy = vision;
  m.even_in_x = random.Uniform() < .5;
  m.heavy_tails = vision && random.Uniform() < .3;
  m.outliers = vision && random.Uniform() < .15 ? .04 : 0;
  m.cut = std::log(Between(random, vision ? .25 : .12, vision ? .6 : .5)) + m.span;
  return Measure(random, family, shape, m);
}

DevCurve DrawHard(RandomStream& random, const std::string& kind, ShapeSet set) {
  Measuring m;
  m.span = Between(random, 3, 5);
  const Shape shape =
      random.Uniform() < .7 ? ErrorShape(random, set, m.span) : TaskShape(random, set, m.span);
  m.points = 16 + static_cast<int>(random.Index(40));
  m.noise = LogBetween(random, .003, .015);
  m.wander = .4 * m.noise;
  m.cut = m.span - Between(random, .7, 1.4);
  m.even_in_x = random.Uniform() < .3;
  if (kind == "short") {
    m.points = 6 + static_cast<int>(random.Index(6));
    m.even_in_x = false;
  } else if (kind == "outliers") {
    m.outliers = Between(random, .03, .08);
  } else if (kind == "dense") {
    m.points = static_cast<int>(std::lround(LogBetween(random, 150, 900)));
    m.memory = Between(random, .9, .99);
    m.wander = m.noise;
  } else if (kind == "far") {
    m.span += 1;
    m.cut = m.span - std::log(Between(random, 6, 20));
    m.even_in_x = false;
    m.noise *= .4;
  } else {
    m.noise = LogBetween(random, .05, .15);
    m.wander = 0;
    m.small_is_noisy = false;
  }
  return Measure(random, kind, shape, m);
}

// Test sets of some thousand images do not resolve errors below a few per cent.
bool Usable(const DevCurve& curve) {
  return curve.x.size() >= 4 && curve.tail_x.size() >= 2 &&
         *std::min_element(curve.tail_truth.begin(), curve.tail_truth.end()) > .04;
}

}  // namespace

std::vector<DevCurve> SyntheticCurves(int count, uint64_t seed, ShapeSet set) {
  std::vector<DevCurve> curves;
  for (uint64_t stream = 0; static_cast<int>(curves.size()) < count; ++stream) {
    RandomStream random(seed, stream);
    const uint64_t pick = random.Index(92);
    DevCurve curve = Draw(random,
                          pick < 72   ? "vision"
                          : pick < 77 ? "translation"
                          : pick < 82 ? "language"
                                      : "tasks",
                          set);
    if (Usable(curve)) curves.push_back(std::move(curve));
  }
  return curves;
}

std::vector<DevCurve> HardCurves(int count, uint64_t seed, ShapeSet set) {
  std::vector<DevCurve> curves;
  for (const char* kind : {"short", "outliers", "dense", "far", "noisy"}) {
    int drawn = 0;
    for (uint64_t stream = 0; drawn < count; ++stream) {
      RandomStream random(seed ^ (static_cast<uint64_t>(kind[0]) << 32), stream);
      DevCurve curve = DrawHard(random, kind, set);
      if (!Usable(curve)) continue;
      curves.push_back(std::move(curve));
      ++drawn;
    }
  }
  return curves;
}

double RootMeanSquareLogError(const std::vector<double>& predicted, const std::vector<double>& observed) {
  double sum = 0;
  for (size_t i = 0; i < observed.size(); ++i) {
    const double error = std::log(predicted[i] / observed[i]);
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(observed.size()));
}

}  // namespace sextant::bench
