// SPDX-License-Identifier: Apache-2.0
// Forecast of a run in flight: the loss it will end with, from its curve so far and its learning-rate
// schedule.
//
// With finished runs of the same study as peers, the fall still to come is regressed (a Gaussian process) on
// what their curves looked like after the same share of their steps: level, slope now, slope before, peak
// rate and length. Without enough peers it is the run's own law: forms averaged over the sum of learning
// rates, as Tissue et al. 2024 (arXiv 2408.11029) have it, less a prior gain for the annealing to come.
#ifndef SEXTANT_FITTING_CURVE_FORECAST_H_
#define SEXTANT_FITTING_CURVE_FORECAST_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/curve/curve.h"
#include "fitting/curve/schedule.h"

namespace sextant::fitting {

struct RunInFlight {
  LossCurve curve;          // partial; `step` required
  ScheduleSpec schedule;    // of the whole run; ReadSchedule corrects it by the rates that the curve records
  bool shape_known = true;  // false: nobody declared schedule.shape, the rates or an assumption tell it
};

// A finished run of the same study, used as a peer.
struct FinishedRun {
  LossCurve curve;
  ScheduleSpec schedule;
  double params = 0, batch_size_tokens = 0;
};

struct ForecastOptions {
  double confidence = 0.9;
  double min_share = 0.1;  // of total_steps, and at least twice the warm-up; earlier is refused as too early
  double tail_share = 0.05;  // the end loss is the mean over this last share of the steps
};

enum class ForecastState { kForecast, kTooEarly, kUnusable };

struct RunForecast {
  ForecastState state = ForecastState::kUnusable;
  std::string reason;                      // why there is no forecast, or what it rests on
  double end_loss = 0, low = 0, high = 0;  // set when state is kForecast
  double share_done = 0;                   // steps so far / total steps
  CurveQuality quality;
  size_t peers_used = 0;
  std::vector<double> step, expected_loss;  // the forecast path, about 100 points to the end
  std::vector<std::string> warnings;
};

// Training loss is forecast; validation loss, with a warning, where the curve records no training loss.
// InvalidArgument on a bad schedule or options; everything wrong with the curve is a state with a reason.
// Peers whose schedule has another shape, warm-up share, decay or end, or whose curve stops before the end,
// are left out. Deterministic, thread-safe.
absl::StatusOr<RunForecast> ForecastRun(const RunInFlight& run, std::span<const FinishedRun> peers,
                                        const ForecastOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_FORECAST_H_
