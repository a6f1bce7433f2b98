// SPDX-License-Identifier: Apache-2.0
// A plan as a sweep file of sextant-train (docs/trainer.md).
#pragma once

#include <string>

#include "clients/cli/session.h"
#include "sextant/v1/planning_service.pb.h"

namespace sextant::cli {

struct SweepOptions {
  std::string path;  ///< - for standard output
  std::string data;  ///< the token file that the sweep names
  v1::ListShapesRequest shape;
};

/// Writes every plan of `response` as a run. Says what was rounded. kExitLocal where a plan lacks a batch or
/// a rate, or is too large for the trainer.
int WriteSweep(Session& session, const v1::PlanResponse& response, const SweepOptions& options);

}  // namespace sextant::cli
