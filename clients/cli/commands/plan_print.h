// SPDX-License-Identifier: Apache-2.0
// How plans are shown.
#pragma once

#include "clients/cli/session.h"
#include "sextant/v1/planning_service.pb.h"

namespace sextant::cli {

/// Proto JSON; or plans side by side, a column each, with what they rest on; below a single one loss against
/// size, time against compute, its ramp and its shapes.
int PrintPlans(const Session& session, const v1::PlanResponse& response);

/// Shapes as a table.
void PrintShapes(const Session& session, const google::protobuf::RepeatedPtrField<v1::ModelShape>& shapes);

}  // namespace sextant::cli
