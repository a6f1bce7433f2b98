// Learning-curve extrapolation on the development set: mean over curves of sqrt(mean((ln predicted - ln
// true)^2)) on the tail, for every form and for the average, with coverage of the 90 % interval and CPU time
// a curve. Usage: curve_extrapolation_bench [CURVES [SEED]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>

#include "fitting/curve/extrapolate.h"
#include "tests/bench/curve_dev_set.h"

int main(int argc, char** argv) {
  using namespace sextant;
  const int count = argc > 1 ? std::atoi(argv[1]) : 184;
  const auto seed = static_cast<uint64_t>(argc > 2 ? std::atoll(argv[2]) : 2024);
  std::vector<bench::DevCurve> curves = bench::SyntheticCurves(count, seed);
  for (bench::DevCurve& curve : bench::PublicSeries()) curves.push_back(std::move(curve));
  const struct {
    const char* name;
    fitting::CurveForm form;
  } methods[] = {{"M1", fitting::CurveForm::kM1},
                 {"M2", fitting::CurveForm::kM2},
                 {"M3", fitting::CurveForm::kM3},
                 {"M4", fitting::CurveForm::kM4},
                 {"broken power law", fitting::CurveForm::kBrokenPowerLaw},
                 {"average (default)", fitting::CurveForm::kAuto}};
  std::printf("%d synthetic curves, seed %llu; mean RMSLE by family\n", count,
              static_cast<unsigned long long>(seed));
  std::printf("%-18s %9s %9s %9s %9s %9s | %9s %9s %9s %9s\n", "method", "vision", "transl.", "language",
              "tasks", "public", "synthetic", "coverage", "cpu ms", "worst ms");
  for (const auto& method : methods) {
    std::map<std::string, std::pair<double, int>> by_family;
    double total = 0, milliseconds = 0, worst = 0;
    int synthetic = 0, covered = 0, points = 0;
    for (const bench::DevCurve& curve : curves) {
      const std::clock_t begin = std::clock();
      const auto result = fitting::ExtrapolateCurve(curve.x, curve.y, curve.tail_x, {.form = method.form});
      const double ms = 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
      if (!result.ok()) {
        std::fprintf(stderr, "%s\n", std::string(result.status().message()).c_str());
        return 1;
      }
      milliseconds += ms / static_cast<double>(curves.size());
      worst = std::max(worst, ms);
      std::vector<double> predicted;
      for (const fitting::ExtrapolatedPoint& p : result->points) predicted.push_back(p.value);
      const double error = bench::RootMeanSquareLogError(predicted, curve.tail_y);
      auto& family = by_family[curve.family];
      family.first += error;
      ++family.second;
      if (curve.family == "public") continue;
      total += error;
      ++synthetic;
      for (size_t i = 0; i < predicted.size(); ++i) {
        ++points;
        covered += result->points[i].low <= curve.tail_y[i] && curve.tail_y[i] <= result->points[i].high;
      }
    }
    const auto mean = [&](const char* family) {
      const auto& [sum, n] = by_family[family];
      return n > 0 ? sum / n : 0;
    };
    std::printf("%-18s %9.4f %9.4f %9.4f %9.4f %9.4f | %9.4f %8.1f%% %9.2f %9.2f\n", method.name,
                mean("vision"), mean("translation"), mean("language"), mean("tasks"), mean("public"),
                total / synthetic, 100.0 * covered / points, milliseconds, worst);
  }
  return 0;
}
