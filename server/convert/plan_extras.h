// SPDX-License-Identifier: Apache-2.0
// What stands beside a plan's numbers: time against compute, batch ramps, shapes, floors.
#pragma once

#include <vector>

#include "fitting/plan/floor_profile.h"
#include "fitting/plan/loss_surface.h"
#include "fitting/plan/plan.h"
#include "fitting/plan/shapes.h"
#include "fitting/predict.h"
#include "sextant/v1/planning_service.pb.h"

namespace sextant::server {

fitting::ShapeRequest ShapeFromProto(const v1::ListShapesRequest& request);
void ShapeToProto(const fitting::ShapeRequest& request, const fitting::ModelShape& shape,
                  v1::ModelShape& message);

/// Shapes near the plan's N; a warning where there are none.
void AddShapes(const v1::ListShapesRequest& request, v1::Plan& message);

/// Steps, tokens and days at batches about the critical one, where it is the hyperbola's and the plan has a
/// batch.
void AddTimeFrontier(const fitting::Prediction& prediction, const fitting::PlanRequest& request,
                     v1::Plan& message);

/// A ramp by the first law of the critical batch among `recipe`; a warning where none can be given. `surface`
/// may be null.
void AddRamp(const std::vector<const fitting::Predictor*>& recipe, const fitting::LossSurface* surface,
             const v1::PlanRequest& request, const fitting::PlanRequest& plan_request, v1::Plan& message);

void ProfileToProto(const fitting::FloorProfile& profile, v1::ProfileFloorResponse& response);

}  // namespace sextant::server
