// SPDX-License-Identifier: Apache-2.0
// How often intervals of planted parameters cover them: data by formulas of their own (planted_laws.h,
// planted_schedules.h), fitted as a table through the catalogue's law, or as curves. Usage:
// law_coverage_bench
// [--long] [LAW]: 50 seeds instead of 5. Prints the rows of docs/systems.md, and CPU times on stderr.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>

#include "base/quantile.h"
#include "fitting/law/law.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/law_columns.h"
#include "tests/fitting/planted_laws.h"
#include "tests/fitting/planted_schedules.h"
#include "tests/test_paths.h"

namespace {

using namespace sextant;
using namespace sextant::fitting;

constexpr double kLevel = 0.9;

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Seeds whose interval held the planted value, by parameter.
struct Coverage {
  std::map<std::string, int> covered;
  std::size_t rows = 0;
  int failed = 0;

  void Count(const std::map<std::string, double>& planted, const std::string& name, double low, double high) {
    const auto value = planted.find(name);
    if (value != planted.end()) covered[name] += low <= value->second && value->second <= high;
  }

  void Print(const std::string& law, int seeds) const {
    std::string list;
    int sum = 0;
    for (const auto& [name, count] : covered) {
      list += (list.empty() ? "" : ", ") + name + " " + std::to_string(count);
      sum += count;
    }
    const double mean = covered.empty() ? 0 : 100.0 * sum / (seeds * static_cast<double>(covered.size()));
    std::printf("| `%s` | %zu | %zu | %s%s | %.0f %% |\n", law.c_str(), rows, covered.size(), list.c_str(),
                failed > 0 ? (" (" + std::to_string(failed) + " not fitted)").c_str() : "", mean);
    std::fflush(stdout);
  }
};

Coverage OfTable(const PlantedLaw& of, const std::shared_ptr<const Law>& law, int seeds) {
  Coverage coverage;
  for (int seed = 1; seed <= seeds; ++seed) {
    const auto input = LawInputFromColumns(*law, planted::Data(of, static_cast<std::uint64_t>(seed)), {});
    if (!input.ok()) {
      ++coverage.failed;
      continue;
    }
    coverage.rows = input->data.size();
    SolveOptions options;
    options.replicates = 300;
    options.interval_level = kLevel;
    options.diagnostics = false;
    options.seed = static_cast<std::uint64_t>(seed);
    const auto fit = FitLaw(law, input->data, options);
    if (!fit.ok()) {
      ++coverage.failed;
      continue;
    }
    for (const ParameterEstimate& parameter : fit->parameters)
      if (parameter.low) coverage.Count(of.planted, parameter.name, *parameter.low, *parameter.high);
  }
  return coverage;
}

template <typename LawOf>
void CountDraws(const std::vector<LawOf>& draws, const std::map<std::string, double LawOf::*>& members,
                const std::map<std::string, double>& planted, Coverage& coverage) {
  for (const auto& [name, member] : members) {
    std::vector<double> values, scratch;
    for (const LawOf& draw : draws) values.push_back(draw.*member);
    const auto [low, high] = TailQuantiles(values, (1 - kLevel) / 2, scratch);
    coverage.Count(planted, name, low, high);
  }
}

Coverage OfCurves(const planted::PlantedSchedules& of, int seeds) {
  Coverage coverage;
  for (const ScheduledCurve& curve : of.curves) coverage.rows += curve.step.size();
  for (int seed = 1; seed <= seeds; ++seed) {
    const auto curves = planted::Noisy(of.curves, .003, static_cast<std::uint64_t>(seed));
    ScheduleFitOptions options;
    options.replicates = 200;
    options.seed = static_cast<std::uint64_t>(seed);
    if (of.law == "mpl") {
      const auto fit = FitMultiPower(curves, options);
      if (!fit.ok()) return coverage.failed = seeds, coverage;
      using L = MultiPowerLaw;
      CountDraws<L>(fit->replicates,
                    {{"L0", &L::l0},
                     {"A", &L::a},
                     {"alpha", &L::alpha},
                     {"B", &L::b},
                     {"C", &L::c},
                     {"beta", &L::beta},
                     {"gamma", &L::gamma}},
                    of.planted, coverage);
    } else {
      const auto fit = FitTissue(curves, options);
      if (!fit.ok()) return coverage.failed = seeds, coverage;
      using L = TissueLaw;
      CountDraws<L>(fit->replicates, {{"L0", &L::l0}, {"A", &L::a}, {"alpha", &L::alpha}, {"C", &L::c}},
                    of.planted, coverage);
    }
  }
  return coverage;
}

}  // namespace

int main(int argc, char** argv) {
  int seeds = 5;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--long") == 0) {
      seeds = 50;
    } else {
      only = argv[i];
    }
  }
  const auto catalogue = Catalogue::Load(SEXTANT_SOURCE_DIR "/data/laws");
  if (!catalogue.ok())
    return std::fprintf(stderr, "%s\n", std::string(catalogue.status().message()).c_str()), 1;
  std::printf(
      "| law | rows | parameters | covered by 90 %% intervals, of %d seeds | mean |\n|---|---|---|---|---|\n",
      seeds);
  const auto timed = [&](const std::string& law, const auto& coverage) {
    if (!only.empty() && law != only) return;
    const double before = CpuSeconds();
    coverage().Print(law, seeds);
    std::fprintf(stderr, "%s: %.1f s of CPU\n", law.c_str(), CpuSeconds() - before);
  };
  for (const PlantedLaw& of : planted::All()) {
    const std::shared_ptr<const Law> law = (*catalogue)->Find(of.law);
    if (law == nullptr) return std::fprintf(stderr, "no law %s\n", of.law.c_str()), 1;
    timed(of.law, [&] { return OfTable(of, law, seeds); });
  }
  for (const planted::PlantedSchedules& of : {planted::MultiPowerCurves(), planted::TissueCurves()})
    timed(of.law, [&] { return OfCurves(of, seeds); });
  return 0;
}
