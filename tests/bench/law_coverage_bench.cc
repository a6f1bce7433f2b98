// SPDX-License-Identifier: Apache-2.0
// How often intervals of planted parameters cover them: data by formulas of their own (planted_laws.h),
// fitted as a table through the catalogue's law. Usage: law_coverage_bench [--long] [LAW]: 50 seeds instead
// of 5. Prints the rows of docs/systems.md.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "fitting/law/law.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/law_columns.h"
#include "tests/fitting/planted_laws.h"
#include "tests/test_paths.h"

int main(int argc, char** argv) {
  using namespace sextant::fitting;
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
  for (const PlantedLaw& planted_law : planted::All()) {
    if (!only.empty() && planted_law.law != only) continue;
    const std::shared_ptr<const Law> law = (*catalogue)->Find(planted_law.law);
    if (law == nullptr) return std::fprintf(stderr, "no law %s\n", planted_law.law.c_str()), 1;
    std::map<std::string, int> covered;
    std::size_t rows = 0;
    int failed = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
      const auto input =
          LawInputFromColumns(*law, planted::Data(planted_law, static_cast<std::uint64_t>(seed)), {});
      if (!input.ok()) return std::fprintf(stderr, "%s\n", std::string(input.status().message()).c_str()), 1;
      rows = input->data.size();
      SolveOptions options;
      options.replicates = 300;
      options.interval_level = 0.9;
      options.diagnostics = false;
      options.seed = static_cast<std::uint64_t>(seed);
      const auto fit = FitLaw(law, input->data, options);
      if (!fit.ok()) {
        ++failed;
        continue;
      }
      for (const ParameterEstimate& parameter : fit->parameters) {
        const auto planted = planted_law.planted.find(parameter.name);
        if (planted == planted_law.planted.end()) continue;
        covered[parameter.name] += *parameter.low <= planted->second && planted->second <= *parameter.high;
      }
    }
    std::string list;
    int sum = 0;
    for (const auto& [name, count] : covered) {
      list += (list.empty() ? "" : ", ") + name + " " + std::to_string(count);
      sum += count;
    }
    const double mean = covered.empty() ? 0 : 100.0 * sum / (seeds * static_cast<double>(covered.size()));
    std::printf("| `%s` | %zu | %zu | %s%s | %.0f %% |\n", planted_law.law.c_str(), rows, covered.size(),
                list.c_str(), failed > 0 ? (" (" + std::to_string(failed) + " not fitted)").c_str() : "",
                mean);
    std::fflush(stdout);
  }
  return 0;
}
