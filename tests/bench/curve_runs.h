// SPDX-License-Identifier: Apache-2.0
// The runs and curves of the sweeps in data/calibration, read for tests and benchmarks of forecasts.
#ifndef SEXTANT_TESTS_BENCH_CURVE_RUNS_H_
#define SEXTANT_TESTS_BENCH_CURVE_RUNS_H_

#include <string>
#include <vector>

#include "fitting/curve/forecast.h"

namespace sextant::bench {

struct CalibrationRun {
  std::string id;
  double params = 0, tokens = 0, batch_size_tokens = 0;
  double end_loss = 0;  // mean training loss over the last 5 % of the steps
  fitting::ScheduleSpec schedule;
  fitting::LossCurve curve;
};

// Empty when the files are not there.
std::vector<CalibrationRun> ReadCalibrationRuns(const std::string& folder);

// The part of the run's curve that lies in the first `share` of its steps.
fitting::LossCurve Head(const CalibrationRun& run, double share);

// What an in-flight forecast is compared with: three predictions of the end loss from the head of the curve.
struct Baselines {
  double last_value = 0;      // the level of the last points
  double power_in_steps = 0;  // a straight line of ln loss in ln steps over the last two thirds of the head
  double chinchilla = 0;      // E + B / D^beta through the head after twice the warm-up
};
Baselines ComputeBaselines(const CalibrationRun& run, double share);

// The other runs of the study as peers: all but those of the run's own size and horizon.
std::vector<fitting::FinishedRun> PeersOf(const CalibrationRun& run, const std::vector<CalibrationRun>& runs);

}  // namespace sextant::bench

#endif  // SEXTANT_TESTS_BENCH_CURVE_RUNS_H_
