// SPDX-License-Identifier: Apache-2.0
// Development sets of learning curves for tests and benchmarks of extrapolation: synthetic curves in the
// shapes that public benchmarks contain (few-shot image classification, translation, language modelling,
// small noisy task curves), drawn from many forms so that no single form is favoured, curves made to be
// hard, and a few short public series.
#ifndef SEXTANT_TESTS_BENCH_CURVE_DEV_SET_H_
#define SEXTANT_TESTS_BENCH_CURVE_DEV_SET_H_

#include <cstdint>
#include <string>
#include <vector>

namespace sextant::bench {

struct DevCurve {
  std::string family;                  // "vision", "translation", ..., "public"; or what makes it hard
  std::vector<double> x, y;            // the head, to be fitted
  std::vector<double> tail_x, tail_y;  // to be predicted
  std::vector<double> tail_truth;      // without noise, wandering and outliers; empty for public series
};

// Settings are chosen on the tuning shapes; the held-out shapes share none of their formulas.
enum class ShapeSet { kTuning, kHeldOut };

// `count` synthetic curves, in the proportions 72 : 5 : 5 : 10 of vision, translation, language and tasks.
std::vector<DevCurve> SyntheticCurves(int count, uint64_t seed, ShapeSet set = ShapeSet::kTuning);
// `count` curves of every hard kind: "short" (4 to 8 points), "outliers" (up to one point in twelve far off),
// "dense" (hundreds of points that wander together), "far" (a tail 6 to 20 times as long as the head),
// "noisy" (5 to 15 %).
std::vector<DevCurve> HardCurves(int count, uint64_t seed, ShapeSet set = ShapeSet::kTuning);
// Short series printed in papers and repositories; sources in the implementation.
std::vector<DevCurve> PublicSeries();

// sqrt(mean((ln predicted - ln true)^2)).
double RootMeanSquareLogError(const std::vector<double>& predicted, const std::vector<double>& observed);

}  // namespace sextant::bench

#endif  // SEXTANT_TESTS_BENCH_CURVE_DEV_SET_H_
