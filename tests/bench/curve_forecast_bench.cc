// SPDX-License-Identifier: Apache-2.0
// In-flight forecasts on the sweeps in data/calibration: median relative error of the end loss and coverage
// of the 90 % interval from 30 % and 50 % of every run, against three baselines. Usage: curve_forecast_bench
// [FOLDER...]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "tests/bench/curve_runs.h"
#include "tests/test_paths.h"

namespace {

struct Score {
  std::vector<double> errors;
  int covered = 0, refused = 0;
  double Median() {
    std::sort(errors.begin(), errors.end());
    return errors.empty() ? NAN : errors[errors.size() / 2];
  }
};

int PrintSweep(const std::string& folder) {
  using namespace sextant;
  const std::vector<bench::CalibrationRun> runs = bench::ReadCalibrationRuns(folder);
  if (runs.empty()) {
    std::fprintf(stderr, "no runs in %s\n", folder.c_str());
    return 1;
  }
  std::printf("%zu runs of %s; error is |forecast / end loss - 1|, median over runs\n", runs.size(),
              folder.c_str());
  std::printf("%-6s %-34s %8s %9s %8s %9s\n", "share", "forecast", "error", "coverage", "refused", "cpu ms");
  for (double share : {0.3, 0.5}) {
    Score with_peers, smaller_peers, alone, last, power, chinchilla;
    double peers_ms = 0, smaller_ms = 0, alone_ms = 0;
    for (const bench::CalibrationRun& run : runs) {
      const auto add = [&](Score& score, double value) {
        score.errors.push_back(std::fabs(value / run.end_loss - 1));
      };
      const fitting::RunInFlight in_flight{bench::Head(run, share), run.schedule};
      const auto forecast = [&](Score& score, const std::vector<fitting::FinishedRun>& peers, double& ms) {
        const std::clock_t begin = std::clock();
        const auto result = fitting::ForecastRun(in_flight, peers);
        ms += 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC /
              static_cast<double>(runs.size());
        if (!result.ok() || result->state != fitting::ForecastState::kForecast) {
          ++score.refused;
          return;
        }
        add(score, result->end_loss);
        score.covered += result->low <= run.end_loss && run.end_loss <= result->high;
      };
      const std::vector<fitting::FinishedRun> others = bench::PeersOf(run, runs);
      std::vector<fitting::FinishedRun> smaller;
      for (const fitting::FinishedRun& peer : others) {
        const double tokens = peer.schedule.total_steps * peer.batch_size_tokens;
        if (peer.params * tokens < 0.9 * run.params * run.tokens) smaller.push_back(peer);
      }
      forecast(with_peers, others, peers_ms);
      forecast(smaller_peers, smaller, smaller_ms);
      forecast(alone, {}, alone_ms);
      const bench::Baselines baselines = bench::ComputeBaselines(run, share);
      add(last, baselines.last_value);
      add(power, baselines.power_in_steps);
      add(chinchilla, baselines.chinchilla);
    }
    const auto print = [&](const char* name, Score& score, double ms) {
      const auto n = static_cast<double>(score.errors.size());
      std::printf("%-6.0f %-34s %7.2f%% %8.1f%% %8d %9.1f\n", 100 * share, name, 100 * score.Median(),
                  100 * score.covered / n, score.refused, ms);
    };
    const auto print_baseline = [&](const char* name, Score& score) {
      std::printf("%-6.0f %-34s %7.2f%%\n", 100 * share, name, 100 * score.Median());
    };
    print("peers of other sizes and horizons", with_peers, peers_ms);
    print("peers of less compute only", smaller_peers, smaller_ms);
    print("no peers", alone, alone_ms);
    print_baseline("baseline: last value", last);
    print_baseline("baseline: power law in steps", power);
    print_baseline("baseline: E + B/D^beta", chinchilla);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> folders(argv + 1, argv + argc);
  if (folders.empty()) {
    for (const char* sweep : {"h100-bytes-t128", "h100-lines-t128"})
      folders.push_back(std::string(SEXTANT_SOURCE_DIR "/data/calibration/") + sweep);
  }
  for (const std::string& folder : folders) {
    if (const int code = PrintSweep(folder); code != 0) return code;
  }
  return 0;
}
