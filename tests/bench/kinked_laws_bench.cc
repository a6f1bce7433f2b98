// SPDX-License-Identifier: Apache-2.0
// Laws with min and max, fitted beside an exhaustive search: how often the fit ends at the lowest objective
// known, and whether it says so where it does not. Usage: kinked_laws_bench [SETS [EXHAUSTIVE_STARTS]]
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "tests/fitting/least_squares/kinked_laws.h"

int main(int argc, char** argv) {
  using namespace sextant::fitting;
  const int sets = argc > 1 ? std::atoi(argv[1]) : 50, starts = argc > 2 ? std::atoi(argv[2]) : 1000;
  int equal = 0, flagged = 0, silent = 0, needless = 0;
  double seconds = 0;
  for (int s = 0; s < sets; ++s) {
    const testing::KinkedSet set = testing::MakeKinkedSet(static_cast<std::uint64_t>(s));
    SolveOptions options;
    options.diagnostics = false;
    const std::clock_t begin = std::clock();
    const auto fit = FitLaw(set.law, set.data, options);
    const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    seconds += took;
    if (!fit.ok()) {
      std::printf("%2d %-60s %s\n", s, set.expression.c_str(), std::string(fit.status().message()).c_str());
      continue;
    }
    const double best = testing::ExhaustiveOptimum(set, starts);
    const double above = fit->objective / best - 1;
    bool doubted = false;
    for (const std::string& warning : fit->warnings)
      doubted = doubted || warning.find("not shown to be the optimum") != std::string::npos;
    const bool same = above < 1e-4;
    equal += same;
    flagged += !same && doubted;
    silent += !same && !doubted;
    needless += same && doubted;
    std::printf("%2d %-60s %9.2e above, %2d of %2d starts, %3.0f of %3.0f steps, %.2f s%s\n", s,
                set.expression.c_str(), above, static_cast<int>(fit->starts_at_optimum),
                static_cast<int>(fit->starts), fit->diagnostics.at("search.independent_at_optimum"),
                fit->diagnostics.at("search.independent"), took,
                same      ? ""
                : doubted ? "  FLAGGED"
                          : "  SILENT");
  }
  std::printf(
      "%d sets: %d at the lowest objective known (within 1e-4), %d above it and flagged, %d above it in "
      "silence, %d flagged "
      "needlessly; %.2f s of CPU a fit\n",
      sets, equal, flagged, silent, needless, seconds / sets);
  return silent == 0 ? 0 : 1;
}
