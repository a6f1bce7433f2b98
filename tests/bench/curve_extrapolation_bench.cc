// SPDX-License-Identifier: Apache-2.0
// Learning-curve extrapolation on the development sets: mean over curves of sqrt(mean((ln predicted - ln
// true)^2)) on the tail, for every form and for the average, beside what the noise-free curve itself would
// score; with coverage of the 90 % interval, CPU time a curve, and the ratio of the average to M4 and to the
// broken power law with one break. Usage: curve_extrapolation_bench [CURVES [SEED]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "fitting/curve/extrapolate.h"
#include "tests/bench/curve_dev_set.h"

namespace {

using namespace sextant;

struct Method {
  const char* name;
  fitting::CurveForm form;
};
constexpr Method kMethods[] = {{"M1", fitting::CurveForm::kM1},
                               {"M2", fitting::CurveForm::kM2},
                               {"M3", fitting::CurveForm::kM3},
                               {"M4", fitting::CurveForm::kM4},
                               {"one break", fitting::CurveForm::kBrokenPowerLaw},
                               {"average", fitting::CurveForm::kAuto}};

struct Mean {
  double sum = 0;
  int count = 0;
  void Add(double value) {
    sum += value;
    ++count;
  }
  double Get() const { return sum / std::max(count, 1); }
};

struct Score {
  std::map<std::string, Mean> by_family;
  Mean all, covered, milliseconds;
  double worst_milliseconds = 0;
};

bool Try(const Method& method, const std::vector<bench::DevCurve>& curves, Score& score) {
  for (const bench::DevCurve& curve : curves) {
    const std::clock_t begin = std::clock();
    const auto result =
        fitting::ExtrapolateCurve(curve.x, curve.y, curve.tail_x, {.form = method.form, .max_breaks = 1});
    const double ms = 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    if (!result.ok()) {
      std::fprintf(stderr, "%s\n", std::string(result.status().message()).c_str());
      return false;
    }
    score.milliseconds.Add(ms);
    score.worst_milliseconds = std::max(score.worst_milliseconds, ms);
    std::vector<double> predicted;
    for (size_t i = 0; i < curve.tail_x.size(); ++i) {
      const fitting::ExtrapolatedPoint& p = result->points[i];
      predicted.push_back(p.value);
      score.covered.Add(p.low <= curve.tail_y[i] && curve.tail_y[i] <= p.high ? 1 : 0);
    }
    const double error = bench::RootMeanSquareLogError(predicted, curve.tail_y);
    score.by_family[curve.family].Add(error);
    score.all.Add(error);
  }
  return true;
}

bool PrintSet(const std::string& title, const std::vector<bench::DevCurve>& curves) {
  std::map<std::string, Mean> truth;
  Mean truth_all;
  for (const bench::DevCurve& curve : curves) {
    if (curve.tail_truth.empty()) {
      truth[curve.family];
      continue;
    }
    const double error = bench::RootMeanSquareLogError(curve.tail_truth, curve.tail_y);
    truth[curve.family].Add(error);
    truth_all.Add(error);
  }
  std::printf("\n%s: %zu curves\n%-12s", title.c_str(), curves.size(), "method");
  for (const auto& [family, mean] : truth) std::printf(" %11s", family.c_str());
  std::printf(" | %8s %9s %8s %9s\n", "all", "coverage", "cpu ms", "worst ms");
  std::map<std::string, double> all;
  for (const Method& method : kMethods) {
    Score score;
    if (!Try(method, curves, score)) return false;
    std::printf("%-12s", method.name);
    for (const auto& [family, mean] : score.by_family) std::printf(" %11.4f", mean.Get());
    std::printf(" | %8.4f %8.1f%% %8.2f %9.2f\n", score.all.Get(), 100 * score.covered.Get(),
                score.milliseconds.Get(), score.worst_milliseconds);
    all[method.name] = score.all.Get();
  }
  if (truth_all.count > 0) {
    std::printf("%-12s", "noise alone");
    for (const auto& [family, mean] : truth) std::printf(" %11.4f", mean.Get());
    std::printf(" | %8.4f\n", truth_all.Get());
  }
  std::printf("average / M4 = %.2f, average / one break = %.2f\n", all["average"] / all["M4"],
              all["average"] / all["one break"]);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 184;
  const auto seed = static_cast<uint64_t>(argc > 2 ? std::atoll(argv[2]) : 2024);
  const auto name = [&](const char* what, uint64_t s) {
    return std::string(what) + ", seed " + std::to_string(s);
  };
  using bench::ShapeSet;
  const bool done = PrintSet(name("tuning shapes", seed), bench::SyntheticCurves(count, seed)) &&
                    PrintSet(name("held-out shapes", seed + 1),
                             bench::SyntheticCurves(count, seed + 1, ShapeSet::kHeldOut)) &&
                    PrintSet(name("held-out shapes", seed + 2),
                             bench::SyntheticCurves(count, seed + 2, ShapeSet::kHeldOut)) &&
                    PrintSet(name("hard, tuning shapes", seed), bench::HardCurves(count / 8, seed)) &&
                    PrintSet(name("hard, held-out shapes", seed + 1),
                             bench::HardCurves(count / 8, seed + 1, ShapeSet::kHeldOut)) &&
                    PrintSet("public series", bench::PublicSeries());
  return done ? 0 : 1;
}
