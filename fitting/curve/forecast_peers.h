// SPDX-License-Identifier: Apache-2.0
// What the forecast of a run in flight takes from curves: how a run looks after a share of its steps, and
// what finished runs that looked alike still had to gain.
#ifndef SEXTANT_FITTING_CURVE_FORECAST_PEERS_H_
#define SEXTANT_FITTING_CURVE_FORECAST_PEERS_H_

#include <optional>
#include <span>
#include <vector>

#include "fitting/curve/curve.h"
#include "fitting/curve/forecast.h"
#include "fitting/curve/peer_process.h"
#include "fitting/curve/schedule.h"

namespace sextant::fitting {

struct Snapshot {
  double level = 0;  // ln loss at the end of what is seen
  PeerFeatures features{};
};

// What a curve looks like after `share` of its steps: its level and slope now, its slope before, its rate and
// length.
// Nothing when there are too few points or they stop before that share.
std::optional<Snapshot> Look(const CleanCurve& curve, const ScheduleSpec& schedule, double share);

struct Peer {
  PeerExample example;
  double level = 0, end = 0;  // ln loss then, and at the end
};

// The finished runs whose schedule has the same shape, warm-up share, decay and floor, and whose curve of the
// same kind of loss reaches the end.
std::vector<Peer> UsePeers(std::span<const FinishedRun> runs, const ScheduleSpec& schedule, LossColumn loss,
                           double share, double tail_share);

// The share of a finished kWsd run that its decay takes, by the median of the runs whose recorded rates show
// it; nothing when none does.
std::optional<double> DecayShareOfPeers(std::span<const FinishedRun> runs);
// The examples nearest in features, each scaled by how much it varies: at most 160, cost grows with the cube.
std::vector<PeerExample> Nearest(const std::vector<Peer>& peers, const PeerFeatures& to);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_FORECAST_PEERS_H_
