// SPDX-License-Identifier: Apache-2.0
// Forecasts of runs in flight without finished ones to compare with, over families of runs with a decaying
// rate: this project's byte and line sweeps, the OLMo ladder (validation losses, cosine to a tenth), and the
// published multi-power laws of Luo et al. 2025 (25M, 100M and 400M parameters) under cosine, linear and WSD
// schedules. First the error and coverage of the forecast. Then the population of gains, learnt with each
// study left out: the share of the forms' fall and the gain (OwnTuning) of least relative error over the
// other studies, the least spread whose intervals hold 90 % there, and what both give in the study left out.
// Usage: forecast_families_bench
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
#include "fitting/curve/own_outlook.h"
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

void AddSweep(const std::string& family, const std::string& folder, int stride, std::vector<Run>& runs) {
  int index = 0;
  for (const auto& run : bench::ReadCalibrationRuns(SEXTANT_SOURCE_DIR + folder)) {
    if (index++ % stride == 0) runs.push_back({family, run.curve, run.schedule, run.end_loss});
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

void AddMultiPower(const std::string& family, const fitting::MultiPowerLaw& law, std::vector<Run>& runs) {
  for (double total : {16000.0, 24000.0, 48000.0}) {
    for (DecayShape shape : {DecayShape::kCosine, DecayShape::kLinear, DecayShape::kWsd}) {
      Run run{family, {}, {}, 0};
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
  std::vector<double> errors, last_errors;
  double covered = 0, refused = 0;
};

// What is left of a run, and what its own curve says of it.
struct Example {
  std::string study;
  double share = 0, fall = 0;
  fitting::OwnFall own;
};

// Families that share a recipe, or a paper, are one study.
std::string StudyOf(const std::string& family) {
  if (family.starts_with("bytes")) return "bytes";
  return family.starts_with("multi-power") ? "multi-power" : family;
}

void Judge(const Run& run, double share, Score& score, std::vector<Example>& examples) {
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
  if (!seen) return;
  const std::vector<double> rate = *fitting::MakeSchedule(run.schedule);
  examples.push_back({StudyOf(run.family), share, seen->level - std::log(run.end_loss),
                      fitting::MeasureOwnFall(clean, rate, run.schedule, *seen, .05)});
}

// By study and share of the run: mean error over mean fall, median error, and what 90 % intervals hold.
struct Fit {
  double error = 0, median = 0, held = 0;
};
using Fits = std::map<std::string, std::map<double, Fit>>;

Fits Try(const std::vector<Example>& examples, const fitting::OwnTuning& tuning) {
  std::map<std::string, std::map<double, std::vector<double>>> errors;
  Fits fits;
  std::map<std::string, std::map<double, double>> falls;
  for (const Example& example : examples) {
    const fitting::Outlook outlook = fitting::OwnOutlook(example.own, tuning);
    const double error = std::fabs(outlook.drop - example.fall);
    errors[example.study][example.share].push_back(error);
    falls[example.study][example.share] += example.fall;
    fits[example.study][example.share].error += error;
    fits[example.study][example.share].held += error <= 1.645 * outlook.sd;
  }
  for (auto& [study, shares] : fits) {
    for (auto& [share, fit] : shares) {
      const std::vector<double>& all = errors[study][share];
      fit.error /= falls[study][share];
      fit.held /= static_cast<double>(all.size());
      fit.median = Median(all);
    }
  }
  return fits;
}

template <typename Value>
double MeanWithout(const Fits& fits, const std::string& out, Value value) {
  double sum = 0, count = 0;
  for (const auto& [study, shares] : fits) {
    if (study == out) continue;
    for (const auto& [share, fit] : shares) {
      sum += value(fit);
      count += 1;
    }
  }
  return sum / count;
}

fitting::OwnTuning Learn(const std::vector<Example>& examples, const std::string& out) {
  fitting::OwnTuning best;
  double least = 1e300;
  for (double share = .4; share < 1.01; share += .1) {
    for (double gain = .2; gain < .61; gain += .04) {
      fitting::OwnTuning tuning;
      tuning.fall_share = share;
      tuning.gain = gain;
      const double error = MeanWithout(Try(examples, tuning), out, [](const Fit& fit) { return fit.error; });
      if (error >= least) continue;
      least = error;
      best = tuning;
    }
  }
  for (best.gain_spread = .2; best.gain_spread < 1.5; best.gain_spread += .1) {
    if (MeanWithout(Try(examples, best), out, [](const Fit& fit) { return fit.held; }) >= .9) break;
  }
  return best;
}

void PrintStudy(const char* name, const fitting::OwnTuning& tuning, const std::map<double, Fit>& fit) {
  std::printf("%-18s %10.2f %6.2f %6.2f", name, tuning.fall_share, tuning.gain, tuning.gain_spread);
  for (const auto& [share, at] : fit)
    std::printf("   %2.0f %%: %5.2f %% %5.1f %%", 100 * share, 100 * at.median, 100 * at.held);
  std::printf("\n");
}

}  // namespace

int main() {
  std::vector<Run> runs;
  AddSweep("bytes", "/data/calibration/h100-bytes-t128", 3, runs);
  AddSweep("bytes, window 512", "/../shared/data/h100-bytes-t512", 2, runs);
  AddSweep("lines", "/data/calibration/h100-lines-t128", 3, runs);
  AddLadder(runs);
  // Published by Luo et al. 2025, as data/laws/mpl-*.toml have them.
  AddMultiPower("multi-power, 25M",
                {3.04045406, .52468604, .50786857, 363.78751622, 2.06560812, .58279013, .64142257}, runs);
  AddMultiPower("multi-power, 100M",
                {2.6514477, .60115152, .45295811, 437.9464276, 2.13245612, .59785199, .65523644}, runs);
  AddMultiPower("multi-power, 400M",
                {2.37474466, .65421216, .42878731, 523.42464371, 2.02462735, .59350493, .63472457}, runs);
  std::vector<Example> examples;
  std::printf("%-6s %-18s %5s %9s %12s %9s %8s\n", "share", "family", "runs", "error", "last value",
              "coverage", "refused");
  for (double share : {.3, .5, .7}) {
    std::map<std::string, Score> scores;
    for (const Run& run : runs) Judge(run, share, scores[run.family], examples);
    for (auto& [family, score] : scores) {
      if (score.errors.empty()) continue;
      const auto n = static_cast<double>(score.errors.size());
      std::printf("%4.0f %% %-18s %5.0f %8.2f%% %11.2f%% %8.1f%% %8.0f\n", 100 * share, family.c_str(), n,
                  100 * Median(score.errors), 100 * Median(score.last_errors), 100 * score.covered / n,
                  score.refused);
    }
  }
  std::printf("\n%-18s fall share   gain spread   share done: median error, held by 90 %% intervals\n",
              "study left out");
  std::map<std::string, bool> studies;
  for (const Example& example : examples) studies[example.study] = true;
  for (const auto& [out, unused] : studies) {
    const fitting::OwnTuning tuning = Learn(examples, out);
    PrintStudy(out.c_str(), tuning, Try(examples, tuning)[out]);
  }
  const fitting::OwnTuning all = Learn(examples, "");
  std::printf("%-18s %10.2f %6.2f %6.2f\n\nas shipped\n", "none", all.fall_share, all.gain, all.gain_spread);
  const fitting::OwnTuning shipped;
  for (const auto& [study, fit] : Try(examples, shipped)) PrintStudy(study.c_str(), shipped, fit);
  return 0;
}
