// SPDX-License-Identifier: Apache-2.0
// Critical batch sizes from the runs of data/calibration/h100-bytes-t128: every (N, D), every definition,
// with interval or the reason why there is none. Usage: curve_critical_bench [FOLDER]
#include <cstdio>
#include <ctime>

#include "fitting/critical_batch/from_runs.h"
#include "tests/bench/curve_runs.h"
#include "tests/test_paths.h"

int main(int argc, char** argv) {
  using namespace sextant;
  const std::string folder = argc > 1 ? argv[1] : SEXTANT_SOURCE_DIR "/data/calibration/h100-bytes-t128";
  std::vector<fitting::BatchRun> runs;
  for (const bench::CalibrationRun& run : bench::ReadCalibrationRuns(folder)) {
    runs.push_back({.run_id = run.id,
                    .group = {},
                    .params = run.params,
                    .tokens = run.tokens,
                    .batch_size_tokens = run.batch_size_tokens,
                    .learning_rate = run.schedule.peak_learning_rate,
                    .warmup_steps = run.schedule.warmup_steps,
                    .rate_is_constant = false,
                    .final_loss = run.end_loss,
                    .curve = run.curve});
  }
  const std::clock_t begin = std::clock();
  const auto report = fitting::EstimateCriticalBatch(runs);
  const double ms = 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  if (!report.ok()) {
    std::fprintf(stderr, "%s\n", std::string(report.status().message()).c_str());
    return 1;
  }
  std::printf("%zu runs, %.0f ms of CPU, 1000 replicates; tokens, 90 %% intervals\n", runs.size(), ms);
  for (const fitting::CellCriticalBatch& cell : report->cells) {
    std::printf("N %.3g  D %.3g  target loss %.4f\n", cell.params, cell.tokens,
                cell.points.empty() ? 0 : cell.points[0].target_loss);
    for (const fitting::CriticalBatchEstimate& e : cell.estimates) {
      const char* name = fitting::CriticalBatchDefinitionName(e.definition);
      if (e.answered) {
        std::printf("  %-16s %8.0f  [%.0f, %.0f]  misfit %.1f %%\n", name, e.batch_size.value,
                    e.batch_size.low, e.batch_size.high, 100 * e.relative_misfit);
      } else {
        std::printf("  %-16s none: %s\n", name, e.reason.c_str());
      }
      for (const std::string& warning : e.warnings) std::printf("      %s\n", warning.c_str());
    }
    for (const std::string& warning : cell.warnings) std::printf("    %s\n", warning.c_str());
  }
  std::printf("hyperbola against N and D: %s\n", report->hyperbola_scaling.evidence.c_str());
  for (const fitting::ScaleLaw& law : report->hyperbola_scaling.forms) {
    std::printf("  %-14s N^%.2f [%.2f, %.2f]  D^%.2f [%.2f, %.2f]\n", law.law.c_str(), law.n_exponent,
                law.n_interval.low, law.n_interval.high, law.d_exponent, law.d_interval.low,
                law.d_interval.high);
  }
  std::printf("overhead against N and D: %s\n", report->overhead_scaling.evidence.c_str());
  if (report->has_loss_law) {
    const fitting::LossPowerLaw& law = report->loss_law;
    std::printf("B_crit(L): B_star %.3g [%.3g, %.3g], alpha %.2f [%.2f, %.2f], losses %.2f to %.2f\n",
                law.b_star.value, law.b_star.low, law.b_star.high, law.alpha.value, law.alpha.low,
                law.alpha.high, law.lowest_loss, law.highest_loss);
  }
  return 0;
}
