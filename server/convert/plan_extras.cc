// SPDX-License-Identifier: Apache-2.0
#include "server/convert/plan_extras.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "fitting/critical_batch/definitions.h"
#include "fitting/plan/ramp.h"

namespace sextant::server {
namespace {

using fitting::Target;

constexpr double kSecondsPerDay = 86400;

fitting::Range FittedRange(const fitting::Predictor& predictor, const std::string& variable) {
  if (const fitting::FitResult* fit = predictor.fit()) {
    const auto found = fit->fitted_range.find(variable);
    return found == fit->fitted_range.end() ? fitting::Range{} : found->second;
  }
  for (const fitting::VariableSpec& each : predictor.law()->spec().variables) {
    if (each.name == variable) return each.fitted;
  }
  return {};
}

double CriticalBatchAt(const fitting::Predictor& predictor, double params, double tokens, double loss) {
  fitting::PredictionTarget target;
  target.params = params;
  target.tokens = tokens;
  target.loss_nats = loss;
  target.brief = true;
  fitting::Prediction prediction;
  predictor.Predict(target, prediction);
  const auto found = prediction.quantities.find(Target::kCriticalBatchSizeTokens);
  return found == prediction.quantities.end() ? std::nan("") : found->second.value;
}

}  // namespace

fitting::ShapeRequest ShapeFromProto(const v1::ListShapesRequest& r) {
  fitting::ShapeRequest shape;
  shape.params = r.params();
  if (!r.param_count().empty()) shape.param_count = r.param_count();
  if (r.has_vocabulary()) shape.vocabulary = r.vocabulary();
  shape.tied_head = r.tied_head();
  if (r.has_sequence_length()) shape.sequence_length = r.sequence_length();
  if (r.has_head_width()) shape.head_width = r.head_width();
  if (r.has_queries_per_key()) shape.queries_per_key = r.queries_per_key();
  if (r.has_ff_matrices()) shape.ff_matrices = r.ff_matrices();
  if (r.has_ff_ratio()) shape.ff_ratio = r.ff_ratio();
  if (r.has_experts()) shape.experts = r.experts();
  if (r.has_active_experts()) shape.active_experts = r.active_experts();
  if (r.has_shared_experts()) shape.shared_experts = r.shared_experts();
  if (r.has_tolerance()) shape.tolerance = r.tolerance();
  if (r.has_least_aspect()) shape.least_aspect = r.least_aspect();
  if (r.has_most_aspect()) shape.most_aspect = r.most_aspect();
  if (r.has_limit()) shape.limit = r.limit();
  return shape;
}

void ShapeToProto(const fitting::ShapeRequest& request, const fitting::ModelShape& shape,
                  v1::ModelShape& message) {
  message.set_layers(shape.layers);
  message.set_width(shape.width);
  message.set_heads(shape.heads);
  message.set_key_heads(shape.key_heads);
  message.set_ff_width(shape.ff_width);
  message.set_experts(request.experts);
  message.set_active_experts(request.active_experts);
  message.set_shared_experts(request.shared_experts);
  message.set_params_non_embedding(shape.non_embedding);
  message.set_params_non_input_embedding(shape.non_input_embedding);
  message.set_params_total(shape.total);
  message.set_params_active(shape.active);
  message.set_flops_per_token(shape.flops_per_token);
  message.set_relative_distance(shape.relative_distance);
}

void AddShapes(const v1::ListShapesRequest& request, v1::Plan& message) {
  fitting::ShapeRequest shape = ShapeFromProto(request);
  shape.params = message.params().value();
  const auto shapes = fitting::ListShapes(shape);
  if (!shapes.ok()) {
    message.add_warnings(absl::StrCat("no shapes: ", shapes.status().message()));
    return;
  }
  for (const fitting::ModelShape& found : *shapes) ShapeToProto(shape, found, *message.add_shapes());
}

void AddTimeFrontier(const fitting::Prediction& prediction, const fitting::PlanRequest& request,
                     v1::Plan& message) {
  if (!message.has_steps() || !message.has_critical_batch_size_tokens()) return;
  if (prediction.critical_batch_definition !=
      fitting::CriticalBatchDefinitionName(fitting::CriticalBatchDefinition::kHyperbola)) {
    return;
  }
  const double critical = message.critical_batch_size_tokens().value(),
               own = message.batch_size_tokens().value();
  // The run at the plan's own batch fixes both ends of the hyperbola.
  const double least_steps = message.steps() / (1 + critical / own);
  const double least_tokens = message.tokens().value() / (1 + own / critical);
  for (int power = -3; power <= 3; ++power) {
    const double batch = critical * std::exp2(power);
    v1::TimePoint& point = *message.add_time_frontier();
    point.set_batch_size_tokens(batch);
    point.set_steps(least_steps * (1 + critical / batch));
    point.set_tokens(least_tokens * (1 + batch / critical));
    point.set_flops(message.flops() * point.tokens() / message.tokens().value());
    if (request.gpus && request.gpu_flops_per_second) {
      point.set_wall_days(point.flops() / (*request.gpus * *request.gpu_flops_per_second *
                                           *request.utilisation * kSecondsPerDay));
    }
  }
}

void AddRamp(const std::vector<const fitting::Predictor*>& recipe, const fitting::LossSurface* surface,
             const v1::PlanRequest& request, const fitting::PlanRequest& plan_request, v1::Plan& message) {
  const auto refuse = [&message](const std::string& why) { message.add_warnings("no batch ramp: " + why); };
  const auto law = std::find_if(recipe.begin(), recipe.end(), [](const fitting::Predictor* predictor) {
    return predictor->target() == Target::kCriticalBatchSizeTokens;
  });
  if (law == recipe.end()) {
    return refuse(
        "no source predicts a critical batch; cbs-power-loss fitted to the study, or the law kaplan-bcrit, "
        "does");
  }
  if (surface == nullptr) return refuse("it needs a law of the loss in N and D");
  if (!message.has_batch_size_tokens()) return refuse("the plan has no batch; a law of the batch gives one");
  fitting::RampRequest ramp;
  ramp.tokens = message.tokens().value();
  ramp.batch_size_tokens = message.batch_size_tokens().value();
  if (message.has_learning_rate()) ramp.learning_rate = message.learning_rate().value();
  if (request.has_max_batch_size_tokens()) ramp.max_batch_size = request.max_batch_size_tokens();
  const double params = message.params().value();
  ramp.loss = [surface, params, &plan_request](double tokens) {
    return surface->Loss(surface->parameters(), params, tokens, plan_request.unique_tokens);
  };
  ramp.critical_batch = [predictor = *law, params](double loss, double tokens) {
    return CriticalBatchAt(*predictor, params, tokens, loss);
  };
  ramp.losses = FittedRange(**law, "L");
  ramp.measured_tokens = FittedRange(**law, "D");
  ramp.batches = FittedRange(**law, "B");
  ramp.batches.low = 0;
  const auto found = fitting::PlanRamp(ramp);
  if (!found.ok()) return refuse(std::string(found.status().message()));
  v1::BatchRamp& out = *message.mutable_ramp();
  for (const fitting::RampStage& stage : found->stages) {
    v1::RampStage& each = *out.add_stages();
    each.set_from_tokens(stage.from_tokens);
    each.set_to_tokens(stage.to_tokens);
    each.set_batch_size_tokens(stage.batch_size_tokens);
    if (stage.learning_rate) each.set_learning_rate(*stage.learning_rate);
    each.set_steps(stage.steps);
    each.set_loss(stage.loss);
    each.set_critical_batch_size_tokens(stage.critical_batch);
  }
  out.set_steps(found->steps);
  out.set_steps_saved_share(found->steps_saved_share);
  for (const std::string& warning : found->warnings) out.add_warnings(warning);
}

void ProfileToProto(const fitting::FloorProfile& profile, v1::ProfileFloorResponse& response) {
  response.set_floor(profile.floor);
  response.set_loss(profile.loss);
  response.set_floor_low(profile.floor_low);
  response.set_floor_high(profile.floor_high);
  response.set_loss_low(profile.loss_low);
  response.set_loss_high(profile.loss_high);
  for (const fitting::FloorPoint& point : profile.points) {
    v1::FloorPoint& out = *response.add_points();
    out.set_floor(point.floor);
    out.set_objective(point.objective);
    out.set_deviance(point.deviance);
    out.set_loss(point.loss);
    out.set_inside(point.inside);
  }
  for (const std::string& warning : profile.warnings) response.add_warnings(warning);
}

}  // namespace sextant::server
