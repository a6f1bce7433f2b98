// Settings of the average of learning-curve forms, chosen by leaving whole families of curves out. Every
// variant of a setting is scored on every family (mean over curves of sqrt(mean((ln predicted - ln seen)^2))
// on the tail); for each family the variant is taken that did best on all others (mean ln of its score over
// the defaults' score), and what it then scores on the family left out is printed beside the defaults.
// Usage: curve_families_bench [SYNTHETIC_CURVES [SEED]]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fitting/curve/form_average.h"
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

std::vector<Variant> Variants() {
  std::vector<Variant> variants = {{"defaults", {}}};
  const auto vary = [&](const char* name, double FormAverageTuning::*field, std::vector<double> values) {
    for (double value : values) {
      Variant variant{name, {}};
      variant.tuning.*field = value;
      char text[32];
      std::snprintf(text, sizeof text, " %g", value);
      variant.name += text;
      variants.push_back(std::move(variant));
    }
  };
  vary("recency", &FormAverageTuning::recency, {0, .15, .5, .8, 1.2});
  vary("fit_power", &FormAverageTuning::fit_power, {.6, .9, 1.6});
  vary("tail_power", &FormAverageTuning::tail_power, {0, .2, .8, 1.4});
  vary("family_m3", &FormAverageTuning::family_m3, {.02, .5});
  vary("family_break", &FormAverageTuning::family_break, {.03, .5, 1});
  vary("slope_mean", &FormAverageTuning::slope_mean, {.2, .25, .45});
  vary("slope_sd", &FormAverageTuning::slope_sd, {.1, .15, .25, .35, 1});
  vary("change_sd", &FormAverageTuning::change_sd, {.05, .1, .25, .5});
  vary("floor_slope", &FormAverageTuning::floor_slope, {0, .8, 2.5, 4});
  vary("anchor", &FormAverageTuning::anchor, {0, .25, .75, 1});
  vary("misfit", &FormAverageTuning::misfit, {.001, .004, .008});
  vary("outlier", &FormAverageTuning::outlier, {1.8, 3.5});
  vary("trim", &FormAverageTuning::trim, {.02, .2, .3, .45});
  return variants;
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
    const fitting::FormAverage average(*prepared, tuning);
    std::vector<double> predicted;
    for (double x : curve.tail_x)
      predicted.push_back(std::exp(prepared->log_y + average.Predict(std::log(x) - prepared->log_x)));
    sum[curve.family] += bench::RootMeanSquareLogError(predicted, curve.tail_y);
    count[curve.family] += 1;
  }
  for (auto& [family, value] : sum) value /= count[family];
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 92;
  const auto seed = static_cast<uint64_t>(argc > 2 ? std::atoll(argv[2]) : 31);
  const std::vector<bench::DevCurve> curves = AllCurves(count, seed);
  const std::vector<Variant> variants = Variants();
  std::vector<Scores> scores;
  for (const Variant& variant : variants) scores.push_back(Score(curves, variant.tuning));
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
  return 0;
}
