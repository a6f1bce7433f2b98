// SPDX-License-Identifier: Apache-2.0
// Forecasts of runs in flight without finished ones to compare with, over families of runs with a decaying
// rate: this project's byte and line sweeps, the OLMo ladder (validation losses, cosine to a tenth), and the
// published multi-power law of Luo et al. 2025 (25M parameters) under cosine, linear and WSD schedules. Of
// every run: what annealing took off ln loss beyond the forms, per unit of rate and of slope now, and the
// error and coverage of the forecast. Last, the gain per slope that the other families give (mean of their
// medians), by the family left out. Usage: forecast_families_bench
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/curve/forecast.h"
#include "fitting/curve/forecast_peers.h"
#include "tests/bench/csv_rows.h"
#include "tests/bench/curve_runs.h"
#include "tests/test_paths.h"

namespace {

using namespace sextant;
using fitting::DecayShape;

struct Run {
  std::string family;
  fitting::LossCurve curve;
  fitting::ScheduleSpec schedule;
  double end_loss = 0;
};

double MeanOfTail(const fitting::LossCurve& curve, double total_steps) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < curve.step.size(); ++i) {
    if (curve.step[i] <= .95 * total_steps) continue;
    sum += curve.train_loss[i];
    count += 1;
  }
  return sum / count;
}

void AddSweep(const std::string& name, std::vector<Run>& runs) {
  int index = 0;
  for (const auto& run : bench::ReadCalibrationRuns(SEXTANT_SOURCE_DIR "/data/calibration/" + name)) {
    if (index++ % 3 == 0) runs.push_back({name, run.curve, run.schedule, run.end_loss});
  }
}

void AddLadder(std::vector<Run>& runs) {
  std::map<std::string, Run> by_name;
  for (auto& row : bench::ReadCsv(SEXTANT_SOURCE_DIR "/../shared/data/olmo_ladder/curves.csv")) {
    for (const char* loss : {"c4_en_ce", "pile_ce", "dolma_wiki_ce"}) {
      if (row[loss].empty()) continue;
      Run& run = by_name[row["size"] + "/" + row["xC"] + "/" + row["rerun"] + "/" + loss];
      run.family = "olmo-ladder";
      run.curve.step.push_back(std::atof(row["step"].c_str()));
      run.curve.train_loss.push_back(std::atof(row[loss].c_str()));
      run.curve.learning_rate.push_back(std::atof(row["learning_rate_group0"].c_str()));
      run.schedule.peak_learning_rate = std::atof(row["learning_rate_peak"].c_str());
    }
  }
  for (auto& [name, run] : by_name) {
    run.schedule.final_learning_rate = .1 * run.schedule.peak_learning_rate;
    run.schedule.total_steps = run.curve.step.back();
    size_t i = 0;
    while (i + 1 < run.curve.step.size() &&
           run.curve.learning_rate[i] < .97 * run.schedule.peak_learning_rate)
      ++i;
    run.schedule.warmup_steps = std::min(run.curve.step[i], .3 * run.schedule.total_steps);
    run.end_loss = MeanOfTail(run.curve, run.schedule.total_steps);
    runs.push_back(run);
  }
}

void AddMultiPower(std::vector<Run>& runs) {
  const fitting::MultiPowerLaw law = {3.04045406, .52468604, .50786857, 363.78751622,
                                      2.06560812, .58279013, .64142257};
  for (double total : {16000.0, 24000.0, 48000.0}) {
    for (DecayShape shape : {DecayShape::kCosine, DecayShape::kLinear, DecayShape::kWsd}) {
      Run run{"multi-power", {}, {}, 0};
      run.schedule = {shape, 3e-4, 3e-5, total, 500, .2};
      const std::vector<double> rate = *fitting::MakeSchedule(run.schedule);
      std::vector<size_t> steps;
      for (size_t i = 600; i < rate.size(); i += 100) steps.push_back(i);
      const std::vector<double> loss = fitting::MultiPowerLoss(law, rate, steps);
      RandomStream random(1, static_cast<uint64_t>(total));
      for (size_t i = 0; i < steps.size(); ++i) {
        run.curve.step.push_back(static_cast<double>(steps[i] + 1));
        run.curve.train_loss.push_back(loss[i] * std::exp(.004 * random.Normal()));
      }
      run.end_loss = MeanOfTail(run.curve, total);
      runs.push_back(std::move(run));
    }
  }
}

fitting::RunInFlight Head(const Run& run, double share) {
  fitting::RunInFlight head{{}, run.schedule};
  for (size_t i = 0; i < run.curve.step.size() && run.curve.step[i] <= share * run.schedule.total_steps;
       ++i) {
    head.curve.step.push_back(run.curve.step[i]);
    head.curve.train_loss.push_back(run.curve.train_loss[i]);
  }
  return head;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

struct Score {
  std::vector<double> errors, last_errors, per_slope;
  double covered = 0, refused = 0;
};

void Judge(const Run& run, double share, Score& score) {
  const fitting::RunInFlight head = Head(run, share);
  const auto forecast = fitting::ForecastRun(head, {});
  if (!forecast.ok() || forecast->state != fitting::ForecastState::kForecast) {
    score.refused += 1;
    return;
  }
  score.errors.push_back(std::fabs(forecast->end_loss / run.end_loss - 1));
  score.last_errors.push_back(std::fabs(head.curve.train_loss.back() / run.end_loss - 1));
  score.covered += forecast->low <= run.end_loss && run.end_loss <= forecast->high;
  const fitting::CleanCurve clean = fitting::Clean(head.curve, {.warmup_steps = run.schedule.warmup_steps});
  const auto seen = fitting::Look(clean, run.schedule, head.curve.step.back() / run.schedule.total_steps);
  const double annealed = (fitting::RateAt(run.schedule, head.curve.step.back()) -
                           fitting::RateAt(run.schedule, .975 * run.schedule.total_steps)) /
                          run.schedule.peak_learning_rate;
  if (!seen || !(annealed > .05) || !(seen->features[1] < -1e-3)) return;
  // The forecast holds kGainPerSlope of it already; what it misses is the rest.
  const double missed = -std::log(run.end_loss / forecast->end_loss) / annealed;
  score.per_slope.push_back(.55 + missed / -seen->features[1]);
}

}  // namespace

int main() {
  std::vector<Run> runs;
  AddSweep("h100-bytes-t128", runs);
  AddSweep("h100-lines-t128", runs);
  AddLadder(runs);
  AddMultiPower(runs);
  std::map<std::string, std::vector<double>> gains;
  std::printf("%-6s %-18s %5s %9s %12s %9s %8s %16s\n", "share", "family", "runs", "error", "last value",
              "coverage", "refused", "gain per slope");
  for (double share : {.3, .5, .7}) {
    std::map<std::string, Score> scores;
    for (const Run& run : runs) Judge(run, share, scores[run.family]);
    for (auto& [family, score] : scores) {
      if (score.errors.empty() || score.per_slope.empty()) continue;
      const auto n = static_cast<double>(score.errors.size());
      std::printf("%4.0f %% %-18s %5.0f %8.2f%% %11.2f%% %8.1f%% %8.0f %16.2f\n", 100 * share, family.c_str(),
                  n, 100 * Median(score.errors), 100 * Median(score.last_errors), 100 * score.covered / n,
                  score.refused, Median(score.per_slope));
      if (share < .6) gains[family].push_back(Median(score.per_slope));
    }
  }
  std::printf("\n%-18s gain per slope of the other families\n", "left out");
  for (const auto& [out, unused] : gains) {
    double sum = 0, count = 0;
    for (const auto& [family, values] : gains) {
      if (family == out) continue;
      for (double value : values) sum += value;
      count += static_cast<double>(values.size());
    }
    std::printf("%-18s %.2f\n", out.c_str(), sum / count);
  }
  return 0;
}
