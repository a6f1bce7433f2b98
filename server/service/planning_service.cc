// SPDX-License-Identifier: Apache-2.0
#include "server/service/planning_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/status_macros.h"
#include "fitting/digest.h"
#include "server/convert/plan.h"
#include "server/convert/plan_extras.h"
#include "server/convert/prediction.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/fit_data.h"
#include "server/predict_sources.h"

namespace sextant::server {
namespace {

using fitting::Predictor;
using fitting::Target;

bool PredictsLoss(const Predictor& predictor) { return predictor.target() == Target::kLoss; }

std::vector<double> EstimatesOf(const Predictor& predictor) {
  std::vector<double> parameters;
  for (const fitting::ParameterEstimate& parameter : predictor.fit()->parameters) {
    parameters.push_back(parameter.estimate);
  }
  return parameters;
}

absl::StatusOr<fitting::LossSurface> SurfaceOf(const Predictor& predictor) {
  const std::shared_ptr<const fitting::Law>& law = predictor.law();
  const fitting::FitResult* fit = predictor.fit();
  if (fit == nullptr) {
    return fitting::LossSurface::Make(law->spec().id, law, law->PublishedParameters(), {}, {});
  }
  return fitting::LossSurface::Make(predictor.source(), law, EstimatesOf(predictor), fit->replicates,
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

bool IsAllocation(const Predictor& predictor) {
  return predictor.target() == Target::kParams || predictor.target() == Target::kTokens;
}

absl::StatusOr<fitting::ComputeLaw> ComputeLawOf(const Predictor& predictor) {
  const std::shared_ptr<const fitting::Law>& law = predictor.law();
  const fitting::FitResult* fit = predictor.fit();
  const auto fitted = [&]() -> fitting::Range {
    if (fit == nullptr)
      return law->spec().variables.empty() ? fitting::Range{} : law->spec().variables[0].fitted;
    const auto found = fit->fitted_range.find("C");
    return found == fit->fitted_range.end() ? fitting::Range{} : found->second;
  }();
  if (fit == nullptr) {
    return fitting::MakeComputeLaw(law->spec().id, law, law->PublishedParameters(), {}, fitted);
  }
  return fitting::MakeComputeLaw(predictor.source(), law, EstimatesOf(predictor), fit->replicates, fitted);
}

/// What of a source makes plans, and what joins them.
struct PlanSources {
  std::vector<const Predictor*> losses, recipe;
  fitting::ComputeOptimalLaws allocation;
};

absl::StatusOr<PlanSources> Sort(const PredictorGroup& group, const std::vector<const Predictor*>& shared) {
  PlanSources sources;
  sources.recipe = shared;
  for (const auto& predictor : group) {
    if (PredictsLoss(*predictor)) {
      sources.losses.push_back(predictor.get());
    } else if (IsAllocation(*predictor)) {
      ASSIGN_OR_RETURN(fitting::ComputeLaw law, ComputeLawOf(*predictor));
      (predictor->target() == Target::kParams ? sources.allocation.params : sources.allocation.tokens) =
          std::move(law);
    } else {
      sources.recipe.push_back(predictor.get());
    }
  }
  return sources;
}

struct Planner {
  const v1::PlanRequest& request;
  const fitting::PlanRequest& plan_request;
  v1::PlanResponse& response;

  /// `surface` is null where the plan rests on laws of the optimum alone.
  void Add(const fitting::AllocationPlan& plan, const std::vector<const Predictor*>& recipe,
           const fitting::LossSurface* surface) const {
    v1::Plan& message = *response.add_plans();
    AllocationToProto(plan, plan_request.tolerance, message);
    message.set_constraints(ConstraintsText(request));
    const fitting::Prediction prediction =
        RecipeAt(plan, recipe, request, plan_request.interval, plan_request.tolerance);
    AddRecipe(prediction, message);
    AddTimeFrontier(prediction, plan_request, message);
    if (request.ramp()) AddRamp(recipe, surface, request, plan_request, message);
    if (request.shapes()) AddShapes(request.shape(), message);
  }

  absl::Status PlanGroup(const PlanSources& sources) const {
    absl::Status first = absl::OkStatus();
    std::optional<fitting::LossSurface> loss;
    for (const Predictor* predictor : sources.losses) {
      absl::StatusOr<fitting::LossSurface> surface = SurfaceOf(*predictor);
      absl::StatusOr<fitting::AllocationPlan> plan =
          surface.ok() ? fitting::PlanAllocation(*surface, plan_request) : surface.status();
      if (plan.ok()) Add(*plan, sources.recipe, &*surface);
      if (!plan.ok() && first.ok()) first = plan.status();
      if (surface.ok()) loss = *std::move(surface);
    }
    if (!sources.allocation.params && !sources.allocation.tokens) return first;
    absl::StatusOr<fitting::AllocationPlan> plan =
        fitting::PlanOnAllocation(sources.allocation, plan_request);
    if (!plan.ok()) return first.ok() ? plan.status() : first;
    if (loss) {
      plan->loss.value =
          loss->Loss(loss->parameters(), plan->params.value, plan->tokens.value, plan_request.unique_tokens);
    }
    Add(*plan, sources.recipe, loss ? &*loss : nullptr);
    return first;
  }
};

/// Laws of N* and D* that were named by themselves and belong together become one group: those of one study,
/// or of one published source.
void PairAllocations(std::vector<PredictorGroup>& groups) {
  const auto alone = [](const PredictorGroup& group, Target target) {
    return group.size() == 1 && group.front()->target() == target;
  };
  const auto origin = [](const Predictor& predictor) {
    return predictor.fit() != nullptr ? predictor.fit()->study_id + "\n" + predictor.fit()->estimator
                                      : predictor.law()->spec().citation;
  };
  for (PredictorGroup& params : groups) {
    if (!alone(params, Target::kParams)) continue;
    const auto tokens = std::find_if(groups.begin(), groups.end(), [&](const PredictorGroup& group) {
      return alone(group, Target::kTokens) && origin(*group.front()) == origin(*params.front());
    });
    if (tokens == groups.end()) continue;
    params.push_back(tokens->front());
    tokens->clear();
  }
  std::erase_if(groups, [](const PredictorGroup& group) { return group.empty(); });
}

absl::Status PlanAll(const Core& core, const grpc::CallbackServerContext& context,
                     const v1::PlanRequest& request, v1::PlanResponse& response) {
  ASSIGN_OR_RETURN(const fitting::PlanRequest plan_request, PlanFromProto(request));
  const auto fits = core.fits.Load();
  const auto laws = core.laws->Load();
  ASSIGN_OR_RETURN(std::vector<PredictorGroup> groups,
                   ChooseSources(request.studies(), request.fits(), request.laws(), *fits, *laws));
  const bool chosen = request.studies_size() + request.fits_size() + request.laws_size() > 0;
  if (chosen) PairAllocations(groups);
  // Rates and batches that were named by themselves go with every plan.
  const auto joins = [](const PredictorGroup& group) {
    return group.size() == 1 && !PredictsLoss(*group.front()) && !IsAllocation(*group.front());
  };
  std::vector<const Predictor*> shared;
  for (const PredictorGroup& group : groups) {
    if (chosen && joins(group)) shared.push_back(group.front().get());
  }
  const Planner planner{request, plan_request, response};
  absl::Status first = absl::OkStatus();
  for (const PredictorGroup& group : groups) {
    RETURN_IF_ERROR(CheckCancelled(context));
    // Of the published laws, those of a loss in N and D answer unasked.
    if (chosen ? joins(group) : !PredictsLoss(*group.front())) continue;
    absl::StatusOr<PlanSources> sources = Sort(group, shared);
    absl::Status status = sources.status();
    if (status.ok()) {
      const bool plans = !sources->losses.empty() || sources->allocation.params || sources->allocation.tokens;
      status = plans ? planner.PlanGroup(*sources)
                     : absl::FailedPreconditionError(
                           "the study has no fit that N and D follow from: `loss-chinchilla` is one, "
                           "`params-opt-c` another");
    }
    if (status.ok()) continue;
    if (first.ok()) first = status;
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

absl::Status Shapes(const v1::ListShapesRequest& request, v1::ListShapesResponse& response) {
  fitting::ShapeRequest shape = ShapeFromProto(request);
  if (const auto problems = fitting::ValidateShapeRequest(shape); !problems.empty()) {
    return InvalidFields(Violations(problems, "params"));
  }
  const auto shapes = fitting::ListShapes(shape);
  if (!shapes.ok())
    return UnmetPrecondition("ANSWER_WITHHELD", "shapes", std::string(shapes.status().message()));
  for (const fitting::ModelShape& found : *shapes) ShapeToProto(shape, found, *response.add_shapes());
  return absl::OkStatus();
}

constexpr std::int64_t kMostFloorPoints = 200;

absl::Status Profile(Core& core, const grpc::CallbackServerContext& context,
                     const v1::ProfileFloorRequest& request, v1::ProfileFloorResponse& response) {
  std::vector<FieldViolation> violations;
  fitting::PredictionTarget target;
  target.params = request.params();
  target.tokens = request.tokens();
  violations = Violations(fitting::ValidateTarget(target), "target");
  const double confidence = request.has_confidence() ? request.confidence() : 0.9;
  const std::int64_t points = request.has_points() ? request.points() : 25;
  if (!(confidence > 0.01 && confidence < 0.9999)) {
    violations.push_back({"confidence", "must be between 0.01 and 0.9999"});
  }
  if (points < 5 || points > kMostFloorPoints) {
    violations.push_back({"points", absl::StrCat("is outside 5 to ", kMostFloorPoints)});
  }
  if (!violations.empty()) return InvalidFields(violations);
  std::vector<PredictorGroup> groups;
  const auto fits = core.fits.Load();
  const auto laws = core.laws->Load();
  RETURN_IF_ERROR(AddFitGroup(*fits, *laws, request.name(), groups));
  const Predictor& predictor = *groups.front().front();
  const fitting::FitResult* fit = predictor.fit();
  if (fit == nullptr) {
    return UnmetPrecondition("ANSWER_WITHHELD", request.name(),
                             "a published law has no runs to refit: fit it to a study first");
  }
  FitData data;
  {
    ASSIGN_OR_RETURN(const auto snapshot, core.Read());
    const auto study = snapshot->GetStudy(fit->study_id);
    if (!study.ok()) return Annotate(study.status(), "study", fit->study_id);
    ASSIGN_OR_RETURN(const auto where, ParseRunFilter(fit->filter, "filter", study->declared));
    ASSIGN_OR_RETURN(const auto holdout,
                     ParseRunFilter(fit->holdout_filter, "holdout_filter", study->declared));
    ASSIGN_OR_RETURN(data, LoadFitData(*snapshot, fit->study_id, where, holdout, {}));
  }
  fitting::FitRequest refit;
  refit.loss = fit->objective_kind;
  refit.seed = fit->seed;
  const auto profile = fitting::ProfileFloor(predictor.law(), data.input.runs, refit, request.params(),
                                             request.tokens(), confidence, static_cast<int>(points));
  RETURN_IF_ERROR(CheckCancelled(context));
  if (!profile.ok()) return Annotate(profile.status(), "fit", request.name());
  response.set_fit(predictor.source());
  if (fitting::DataDigest(data.input.runs) != fit->data_digest) {
    response.add_warnings(
        "the study's runs have changed since the fit: the floor is profiled on those of now");
  }
  ProfileToProto(*profile, response);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* PlanningService::Plan(grpc::CallbackServerContext* context,
                                                const v1::PlanRequest* request, v1::PlanResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, context, request, response] {
    return PlanAll(core_, *context, *request, *response);
  });
}

grpc::ServerUnaryReactor* PlanningService::ListShapes(grpc::CallbackServerContext* context,
                                                      const v1::ListShapesRequest* request,
                                                      v1::ListShapesResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response,
                                  [request, response] { return Shapes(*request, *response); });
}

grpc::ServerUnaryReactor* PlanningService::ProfileFloor(grpc::CallbackServerContext* context,
                                                        const v1::ProfileFloorRequest* request,
                                                        v1::ProfileFloorResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, context, request, response] {
    return Profile(core_, *context, *request, *response);
  });
}

}  // namespace sextant::server
