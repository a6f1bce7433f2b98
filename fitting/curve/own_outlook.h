// SPDX-License-Identifier: Apache-2.0
// What a run in flight still has to gain by its own curve and schedule alone: forms averaged over the sum of
// learning rates, as in Tissue et al. 2024 (arXiv 2408.11029), and the annealing to come.
#ifndef SEXTANT_FITTING_CURVE_OWN_OUTLOOK_H_
#define SEXTANT_FITTING_CURVE_OWN_OUTLOOK_H_

#include <vector>

#include "fitting/curve/curve.h"
#include "fitting/curve/forecast_peers.h"
#include "fitting/curve/schedule.h"

namespace sextant::fitting {

// Of ln loss from the level now to the end.
struct Outlook {
  double drop = 0, sd = 0;
};

// What the outlook is made of.
struct OwnFall {
  double level = 0;     // ln loss now
  double slope = 0;     // -d ln loss / d ln step now, not negative
  double reach = 0;     // ln of the sum of rates at the end over that of now
  double annealed = 0;  // by how much the rate still falls, as a share of its peak, not negative
  double decay = 0;     // by how much the whole schedule lets the rate fall, as a share of its peak
  double fall = 0;      // of ln loss to the end by the forms over the sum of rates
  double miss = 0;      // of the level now by the forms
};

// The population of gains (forecast_families_bench chooses by leaving families of runs out).
struct OwnTuning {
  // Of the forms' fall, for a schedule that ends at zero; all of it for a constant one. They are fitted to a
  // stretch in which the rate was falling already, and take what that gained for their own.
  double fall_share = 0.6;
  // What annealing from the peak to zero takes off ln loss, per sqrt(slope / loss). Recipes lie between two
  // rules, a share of the slope (byte models) and a constant in nats (0.13, language models); the geometric
  // mean of both serves either.
  double gain = 0.4;
  double gain_spread = 0.6;      // sd of the gain, relative
  double least_gain_sd = 0.004;  // and absolute, per share of the peak annealed
  double reach_sd = 0.02;        // per unit of ln S1 extrapolated
};

// `curve` is what has been seen of the run, `seen` how it looks now, `rate` the rate of every step of the
// whole run, `tail_share` the last share of the steps whose mean is the end loss.
OwnFall MeasureOwnFall(const CleanCurve& curve, const std::vector<double>& rate, const ScheduleSpec& schedule,
                       const Snapshot& seen, double tail_share);
Outlook OwnOutlook(const OwnFall& own, const OwnTuning& tuning = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_OWN_OUTLOOK_H_
