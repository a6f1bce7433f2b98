// SPDX-License-Identifier: Apache-2.0
// Settings of the average of learning-curve forms, chosen by leaving whole families of curves out. Every
// variant of a setting is scored on every family (mean over curves of sqrt(mean((ln predicted - ln seen)^2))
// on the tail); for each family the variant is taken that did best on all others (mean ln of its score over
// the defaults' score), and what it then scores on the family left out is printed beside the defaults.
// Usage: curve_families_bench [SYNTHETIC_CURVES [SEED [SETTING=VALUE ...]]]
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fitting/curve/curve_interval.h"
#include "fitting/curve/form_ensemble.h"
#include "fitting/curve/log_curve.h"
#include "tests/bench/curve_dev_set.h"
#include "tests/bench/curve_families.h"

namespace {

using namespace sextant;
using fitting::FormAverageTuning;

struct Variant {
  std::string name;
  FormAverageTuning tuning;
};

struct Setting {
  const char* name;
  double FormAverageTuning::*field;
  std::vector<double> values;  // tried beside the default
};

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> settings = {
      {"recency", &FormAverageTuning::recency, {0, .3, .8, 1.2, 1.8, 2.5}},
      {"fit_power", &FormAverageTuning::fit_power, {.3, .6, .9, 1.2, 1.6}},
      {"tail_power", &FormAverageTuning::tail_power, {0, .2, .45, .8, 1.4}},
      {"family_m3", &FormAverageTuning::family_m3, {.02, .1, .5}},
      {"family_break", &FormAverageTuning::family_break, {.03, .15, .5, 1}},
      {"slope_mean", &FormAverageTuning::slope_mean, {.2, .25, .35, .45}},
      {"slope_sd", &FormAverageTuning::slope_sd, {.1, .2, .35, .5, 1}},
      {"bend", &FormAverageTuning::bend, {.4, .7, 1, 2, 1e9}},
      {"change_sd", &FormAverageTuning::change_sd, {.1, .15, .25, .5, 1}},
      {"floor_slope", &FormAverageTuning::floor_slope, {0, .8, 1.5, 2.5, 4}},
      {"anchor", &FormAverageTuning::anchor, {0, .25, .5, .75, 1}},
      {"misfit", &FormAverageTuning::misfit, {.001, .002, .004, .008, .016}},
      {"outlier", &FormAverageTuning::outlier, {1.8, 2.5, 3.5}},
      {"trim", &FormAverageTuning::trim, {.02, .1, .2, .3}},
  };
  return settings;
}

// The base first, then every other value of every setting.
std::vector<Variant> Variants(const FormAverageTuning& base) {
  std::vector<Variant> variants = {{"base", base}};
  for (const Setting& setting : Settings()) {
    for (double value : setting.values) {
      if (value == base.*setting.field) continue;
      char text[64];
      std::snprintf(text, sizeof text, "%s %g", setting.name, value);
      variants.push_back({text, base});
      variants.back().tuning.*setting.field = value;
    }
  }
  return variants;
}

// "recency=0.8" and so on.
bool Apply(const std::string& text, FormAverageTuning& tuning) {
  for (const Setting& setting : Settings()) {
    const std::string prefix = std::string(setting.name) + "=";
    if (!text.starts_with(prefix)) continue;
    tuning.*setting.field = std::atof(text.c_str() + prefix.size());
    return true;
  }
  return false;
}

std::vector<bench::DevCurve> AllCurves(int count, uint64_t seed) {
  std::vector<bench::DevCurve> curves = bench::FamilyCurves();
  const auto add = [&](const char* prefix, std::vector<bench::DevCurve> more) {
    for (bench::DevCurve& curve : more) {
      curve.family = prefix + curve.family;
      curves.push_back(std::move(curve));
    }
  };
  add("synthetic ", bench::SyntheticCurves(count, seed));
  add("held-out ", bench::SyntheticCurves(count, seed + 1, bench::ShapeSet::kHeldOut));
  add("hard ", bench::HardCurves(count / 8, seed));
  add("hard held-out ", bench::HardCurves(count / 8, seed + 1, bench::ShapeSet::kHeldOut));
  return curves;
}

using Scores = std::map<std::string, double>;  // by family

Scores Score(const std::vector<bench::DevCurve>& curves, const FormAverageTuning& tuning) {
  Scores sum, count;
  for (const bench::DevCurve& curve : curves) {
    size_t used = 0;
    std::vector<std::string> warnings;
    const auto prepared = fitting::PrepareLogCurve(curve.x, curve.y, used, warnings);
    if (!prepared.ok()) continue;
    const fitting::FormEnsemble average(*prepared, tuning);
    std::vector<double> predicted;
    for (double x : curve.tail_x)
      predicted.push_back(std::exp(prepared->log_y + average.Predict(std::log(x) - prepared->log_x)));
    sum[curve.family] += bench::RootMeanSquareLogError(predicted, curve.tail_y);
    count[curve.family] += 1;
  }
  for (auto& [family, value] : sum) value /= count[family];
  return sum;
}

// The error by itself, of the curves that others published and of this project's sweeps: mean and median over
// curves, and mean over families.
void PrintErrors(const FormAverageTuning& tuning) {
  std::vector<double> errors;
  std::map<std::string, std::pair<double, double>> families;  // sum, count
  const std::clock_t begin = std::clock();
  for (const bench::DevCurve& curve : bench::FamilyCurves()) {
    size_t used = 0;
    std::vector<std::string> warnings;
    const auto prepared = fitting::PrepareLogCurve(curve.x, curve.y, used, warnings);
    if (!prepared.ok()) continue;
    const fitting::FormEnsemble average(*prepared, tuning);
    std::vector<double> predicted;
    for (double x : curve.tail_x)
      predicted.push_back(std::exp(prepared->log_y + average.Predict(std::log(x) - prepared->log_x)));
    errors.push_back(bench::RootMeanSquareLogError(predicted, curve.tail_y));
    families[curve.family].first += errors.back();
    families[curve.family].second += 1;
  }
  const double ms = 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  std::sort(errors.begin(), errors.end());
  double sum = 0, of_families = 0;
  for (const double error : errors) sum += error;
  for (const auto& [family, mean] : families) of_families += mean.first / mean.second;
  const auto n = static_cast<double>(errors.size());
  std::printf(
      "RMSLE over %zu curves of %zu families: mean %.4f, median %.4f; mean of families %.4f; %.2f ms\n",
      errors.size(), families.size(), sum / n, errors[errors.size() / 2],
      of_families / static_cast<double>(families.size()), ms / n);
}

// What an interval is made of at one point.
struct IntervalPoint {
  std::string family;
  std::vector<double> draws;
  double centre = 0, at_end = 0, reach = 0, noise = 0, observed = 0;
};

std::vector<IntervalPoint> IntervalPoints(const std::vector<bench::DevCurve>& curves,
                                          const FormAverageTuning& tuning) {
  std::vector<IntervalPoint> points;
  for (const bench::DevCurve& curve : curves) {
    size_t used = 0;
    std::vector<std::string> warnings;
    const auto prepared = fitting::PrepareLogCurve(curve.x, curve.y, used, warnings);
    if (!prepared.ok()) continue;
    const fitting::FormEnsemble average(*prepared, tuning);
    std::vector<double> u;
    for (double x : curve.tail_x) u.push_back(std::log(x) - prepared->log_x);
    const auto draws = average.Draw(u, 200, 1);
    for (size_t i = 0; i < u.size(); ++i) {
      IntervalPoint point{curve.family,
                          {},
                          average.Predict(u[i]),
                          average.Predict(0),
                          u[i],
                          average.noise(),
                          std::log(curve.tail_y[i]) - prepared->log_y};
      for (const auto& draw : draws) point.draws.push_back(draw[i]);
      points.push_back(std::move(point));
    }
  }
  return points;
}

struct IntervalScore {
  double covered = 0, winkler = 0, points = 0;
};

// Winkler's score of 90 % intervals: the width and 20 times what lies outside.
std::map<std::string, IntervalScore> ScoreIntervals(const std::vector<IntervalPoint>& points,
                                                    const fitting::IntervalTuning& tuning) {
  std::map<std::string, IntervalScore> scores;
  for (const IntervalPoint& p : points) {
    const fitting::LogInterval interval =
        fitting::CurveInterval(p.draws, p.centre, p.at_end, p.reach, p.noise, .9, tuning);
    IntervalScore& score = scores[p.family];
    score.covered += interval.low <= p.observed && p.observed <= interval.high;
    score.winkler += interval.high - interval.low +
                     20 * std::max({0.0, interval.low - p.observed, p.observed - interval.high});
    score.points += 1;
  }
  return scores;
}

// The intervals' settings by the same rule: of the variants that cover 91 % of the other families (mean of
// the families' coverages), the one of least score (mean ln).
void PrintIntervals(const std::vector<bench::DevCurve>& curves, const FormAverageTuning& tuning) {
  const std::vector<IntervalPoint> points = IntervalPoints(curves, tuning);
  std::vector<fitting::IntervalTuning> variants = {{1.5, 0, 0}};  // what the intervals were before
  for (double widen : {1.0, 1.5, 2.0}) {
    for (double of_fall : {0.0, .15, .3, .45}) {
      for (double of_reach : {0.0, .01, .02, .03, .045}) variants.push_back({widen, of_fall, of_reach});
    }
  }
  std::vector<std::map<std::string, IntervalScore>> scores;
  for (const auto& variant : variants) scores.push_back(ScoreIntervals(points, variant));
  const auto others = [&](size_t v, const std::string& except) {
    double sum = 0, covered = 0, families = 0;
    for (const auto& [family, score] : scores[v]) {
      if (family == except) continue;
      sum += std::log(score.winkler / score.points);
      covered += score.covered / score.points;
      families += 1;
    }
    return covered >= .91 * families ? sum : std::numeric_limits<double>::infinity();
  };
  const auto best_without = [&](const std::string& except) {
    size_t best = 0;
    for (size_t v = 1; v < variants.size(); ++v) {
      if (others(v, except) < others(best, except)) best = v;
    }
    return best;
  };
  std::printf("\n%-24s %-28s %9s %9s %9s %9s\n", "family left out", "widen, of fall, of reach", "covers",
              "score", "defaults", "score");
  double chosen = 0, defaults = 0;
  for (const auto& [family, score] : scores[0]) {
    const size_t v = best_without(family);
    const IntervalScore& then = scores[v].at(family);
    std::printf("%-24s %6.2f %8.2f %8.2f      %8.1f%% %9.4f %8.1f%% %9.4f\n", family.c_str(),
                variants[v].widen, variants[v].of_fall, variants[v].of_reach,
                100 * then.covered / then.points, then.winkler / then.points,
                100 * score.covered / score.points, score.winkler / score.points);
    chosen += then.covered / then.points / static_cast<double>(scores[0].size());
    defaults += score.covered / score.points / static_cast<double>(scores[0].size());
  }
  const size_t v = best_without("");
  std::printf("mean coverage %.1f %%, defaults %.1f %%; with all families %.2f %.2f %.2f\n", 100 * chosen,
              100 * defaults, variants[v].widen, variants[v].of_fall, variants[v].of_reach);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 92;
  const auto seed = static_cast<uint64_t>(argc > 2 ? std::atoll(argv[2]) : 31);
  const std::vector<bench::DevCurve> curves = AllCurves(count, seed);
  FormAverageTuning base;
  for (int i = 3; i < argc; ++i) {
    if (!Apply(argv[i], base)) return 1;
  }
  PrintErrors(base);
  const std::vector<Variant> variants = Variants(base);
  std::vector<Scores> scores(variants.size());
  tbb::parallel_for(size_t{0}, variants.size(),
                    [&](size_t v) { scores[v] = Score(curves, variants[v].tuning); });
  const auto others = [&](size_t v, const std::string& except) {
    double sum = 0, families = 0;
    for (const auto& [family, value] : scores[v]) {
      if (family == except) continue;
      sum += std::log(value / scores[0][family]);
      families += 1;
    }
    return sum / families;
  };
  std::printf("%-18s %9s", "variant", "all");
  for (const auto& [family, value] : scores[0]) std::printf(" %9.9s", family.c_str());
  std::printf("\n");
  for (size_t v = 0; v < variants.size(); ++v) {
    std::printf("%-18s %8.2f%%", variants[v].name.c_str(), 100 * std::expm1(others(v, "")));
    for (const auto& [family, value] : scores[v]) {
      if (v == 0)
        std::printf(" %9.4f", value);
      else
        std::printf(" %8.1f%%", 100 * (value / scores[0][family] - 1));
    }
    std::printf("\n");
  }
  std::printf("\n%-24s %-18s %9s %9s\n", "family left out", "chosen", "scores", "defaults");
  for (const auto& [family, value] : scores[0]) {
    size_t best = 0;
    for (size_t v = 1; v < variants.size(); ++v) {
      if (others(v, family) < others(best, family)) best = v;
    }
    std::printf("%-24s %-18s %9.4f %9.4f\n", family.c_str(), variants[best].name.c_str(),
                scores[best][family], value);
  }
  PrintIntervals(curves, base);
  return 0;
}
