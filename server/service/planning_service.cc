// SPDX-License-Identifier: Apache-2.0
#include "server/service/planning_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/status_macros.h"
#include "server/convert/plan.h"
#include "server/error.h"
#include "server/predict_sources.h"

namespace sextant::server {
namespace {

using fitting::Predictor;
using fitting::Target;

bool PredictsLoss(const Predictor& predictor) { return predictor.target() == Target::kLoss; }

absl::StatusOr<fitting::LossSurface> SurfaceOf(const Predictor& predictor) {
  const std::shared_ptr<const fitting::Law>& law = predictor.law();
  const fitting::FitResult* fit = predictor.fit();
  if (fit == nullptr) {
    return fitting::LossSurface::Make(law->spec().id, law, law->PublishedParameters(), {}, {});
  }
  std::vector<double> parameters;
  for (const fitting::ParameterEstimate& parameter : fit->parameters)
    parameters.push_back(parameter.estimate);
  return fitting::LossSurface::Make(predictor.source(), law, std::move(parameters), fit->replicates,
                                    fit->fitted_range);
}

// The recipe at the plan's N and D, at the largest batch allowed where the best one is larger.
fitting::Prediction RecipeAt(const fitting::AllocationPlan& plan, const std::vector<const Predictor*>& recipe,
                             const v1::PlanRequest& request, double interval, double tolerance) {
  fitting::PredictionTarget target;
  target.params = plan.params.value;
  target.tokens = plan.tokens.value;
  target.interval = interval;
  target.tolerance = tolerance;
  const auto predict = [&] {
    fitting::Prediction prediction;
    for (const Predictor* predictor : recipe) predictor->Predict(target, prediction);
    return prediction;
  };
  fitting::Prediction prediction = predict();
  const auto batch = prediction.quantities.find(Target::kBatchSizeTokens);
  if (!request.has_max_batch_size_tokens() ||
      (batch != prediction.quantities.end() && batch->second.value <= request.max_batch_size_tokens())) {
    return prediction;
  }
  const bool had_batch = batch != prediction.quantities.end();
  target.batch_size_tokens = request.max_batch_size_tokens();
  prediction = predict();
  prediction.quantities[Target::kBatchSizeTokens] = fitting::Quantity();
  prediction.quantities[Target::kBatchSizeTokens].value = request.max_batch_size_tokens();
  if (had_batch) prediction.warnings.push_back("max_batch_size_tokens holds the batch below the best one");
  return prediction;
}

absl::Status PlanGroup(const PredictorGroup& group, const std::vector<const Predictor*>& shared,
                       const v1::PlanRequest& request, const fitting::PlanRequest& plan_request,
                       v1::PlanResponse& response) {
  std::vector<const Predictor*> recipe = shared;
  for (const auto& predictor : group) {
    if (!PredictsLoss(*predictor)) recipe.push_back(predictor.get());
  }
  for (const auto& predictor : group) {
    if (!PredictsLoss(*predictor)) continue;
    ASSIGN_OR_RETURN(const fitting::LossSurface surface, SurfaceOf(*predictor));
    ASSIGN_OR_RETURN(const fitting::AllocationPlan plan, fitting::PlanAllocation(surface, plan_request));
    v1::Plan& message = *response.add_plans();
    AllocationToProto(plan, plan_request.tolerance, message);
    AddRecipe(RecipeAt(plan, recipe, request, plan_request.interval, plan_request.tolerance), message);
  }
  return absl::OkStatus();
}

absl::Status PlanAll(const Core& core, const grpc::CallbackServerContext& context,
                     const v1::PlanRequest& request, v1::PlanResponse& response) {
  ASSIGN_OR_RETURN(const fitting::PlanRequest plan_request, PlanFromProto(request));
  const auto fits = core.fits.Load();
  const auto laws = core.laws->Load();
  ASSIGN_OR_RETURN(const std::vector<PredictorGroup> groups,
                   ChooseSources(request.studies(), request.fits(), request.laws(), *fits, *laws));
  const bool chosen = request.studies_size() + request.fits_size() + request.laws_size() > 0;
  // Rates and batches that were named by themselves go with every plan.
  std::vector<const Predictor*> shared;
  for (const PredictorGroup& group : groups) {
    if (chosen && group.size() == 1 && !PredictsLoss(*group.front())) shared.push_back(group.front().get());
  }
  absl::Status first = absl::OkStatus();
  for (const PredictorGroup& group : groups) {
    RETURN_IF_ERROR(CheckCancelled(context));
    const bool has_loss = std::any_of(group.begin(), group.end(),
                                      [](const auto& predictor) { return PredictsLoss(*predictor); });
    if (!has_loss && (!chosen || group.size() == 1)) continue;
    absl::Status status =
        has_loss ? PlanGroup(group, shared, request, plan_request, response)
                 : absl::FailedPreconditionError(
                       "the study has no fit of a loss law in N and D: `loss-chinchilla` is one");
    if (status.ok()) continue;
    if (first.ok()) first = status;
    // Of the published laws, those that are no surface over N and D are passed over.
    if (!chosen) continue;
    v1::Unanswered& unanswered = *response.add_unanswered();
    unanswered.set_quantity("plan");
    unanswered.set_reason(std::string(status.message()));
  }
  if (response.plans_size() > 0) return absl::OkStatus();
  return UnmetPrecondition(
      "ANSWER_WITHHELD", "plan",
      first.ok() ? "no source predicts a loss from N and D: name a study with a fit of loss-chinchilla, "
                   "or a published loss law"
                 : std::string(first.message()));
}

}  // namespace

grpc::ServerUnaryReactor* PlanningService::Plan(grpc::CallbackServerContext* context,
                                                const v1::PlanRequest* request, v1::PlanResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, context, request, response] {
    return PlanAll(core_, *context, *request, *response);
  });
}

}  // namespace sextant::server
