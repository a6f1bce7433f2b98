// SPDX-License-Identifier: Apache-2.0
#include "server/service/comparison_service.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/comparison/compare_recipes.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/names.h"
#include "server/recipe_runs.h"

namespace sextant::server {
namespace {

namespace cmp = fitting::comparison;

constexpr int kMostBudgets = 100;

void EstimateToProto(const cmp::Estimate& estimate, v1::Quantity& message) {
  message.set_value(estimate.value);
  if (estimate.low) message.set_low(*estimate.low);
  if (estimate.high) message.set_high(*estimate.high);
}

void LawToProto(const cmp::RecipeLaw& law, v1::RecipeLaw& message) {
  EstimateToProto(law.floor, *message.mutable_floor());
  EstimateToProto(law.reducible, *message.mutable_reducible());
  EstimateToProto(law.exponent, *message.mutable_exponent());
  message.set_cells(static_cast<int>(law.cells));
  message.set_runs(static_cast<int>(law.runs));
}

void NoiseToProto(const cmp::RecipeComparison& comparison, v1::ComparisonNoise& message) {
  message.set_relative_deviation(comparison.noise_deviation);
  message.set_degrees_of_freedom(comparison.noise_degrees);
  message.set_source(cmp::NoiseSourceName(comparison.noise));
  message.set_repeated_settings(static_cast<int>(comparison.seeds.groups));
  message.set_seed_degrees_of_freedom(comparison.seeds.degrees);
  if (comparison.seeds.degrees > 0) {
    message.set_seed_relative_deviation(comparison.seeds.DeviationAt(comparison.reference_flops));
    message.set_seed_log_slope(comparison.seeds.slope);
  }
  if (comparison.lack_of_fit_tail) message.set_lack_of_fit_probability(*comparison.lack_of_fit_tail);
}

const char* VerdictName(cmp::Verdict verdict) {
  switch (verdict) {
    case cmp::Verdict::kBetter:
      return "better";
    case cmp::Verdict::kWorse:
      return "worse";
    case cmp::Verdict::kCannotTell:
      break;
  }
  return "cannot-tell";
}

void ComparisonToProto(const cmp::RecipeComparison& comparison, v1::CompareStudiesResponse& response) {
  EstimateToProto(comparison.multiplier, *response.mutable_compute_multiplier());
  response.set_verdict(VerdictName(comparison.verdict));
  if (comparison.seeds_to_tell) response.set_seeds_to_tell(*comparison.seeds_to_tell);
  if (comparison.rungs_to_tell) response.set_budgets_to_tell(*comparison.rungs_to_tell);
  if (comparison.token_multiplier) {
    EstimateToProto(*comparison.token_multiplier, *response.mutable_token_multiplier());
  }
  if (comparison.wall_clock_multiplier) {
    EstimateToProto(*comparison.wall_clock_multiplier, *response.mutable_wall_clock_multiplier());
  }
  response.set_reference_flops(comparison.reference_flops);
  response.set_form(comparison.form == cmp::LawForm::kPower ? "power" : "surface");
  LawToProto(comparison.law_a, *response.mutable_baseline());
  LawToProto(comparison.law_b, *response.mutable_candidate());
  for (const cmp::BudgetComparison& point : comparison.common) {
    v1::CommonBudget& message = *response.add_common();
    message.set_flops(point.flops);
    message.set_params(point.params);
    message.set_tokens(point.tokens);
    message.set_baseline_loss(point.loss_a);
    message.set_candidate_loss(point.loss_b);
    if (std::isfinite(point.multiplier.value))
      EstimateToProto(point.multiplier, *message.mutable_compute_multiplier());
  }
  for (const cmp::Projection& projection : comparison.projections) {
    v1::ProjectedBudget& message = *response.add_projections();
    message.set_flops(projection.flops);
    EstimateToProto(projection.loss_a, *message.mutable_baseline_loss());
    EstimateToProto(projection.loss_b, *message.mutable_candidate_loss());
    if (std::isfinite(projection.multiplier.value)) {
      EstimateToProto(projection.multiplier, *message.mutable_compute_multiplier());
    }
  }
  NoiseToProto(comparison, *response.mutable_noise());
  for (const std::string& warning : comparison.warnings) response.add_warnings(warning);
}

absl::StatusOr<cmp::CompareRecipesOptions> ComparisonOptions(const v1::CompareStudiesRequest& request) {
  cmp::CompareRecipesOptions options;
  std::vector<FieldViolation> violations;
  const auto positive = [&](bool has, double value, double most, const char* field) {
    const bool good = !has || (value > 0 && value < most);
    if (!good) violations.push_back({field, absl::StrCat("must be positive and below ", most)});
    return has && good;
  };
  if (request.floor().empty() || request.floor() == "shared") {
    options.floor = cmp::FloorKind::kShared;
  } else if (request.floor() == "free") {
    options.floor = cmp::FloorKind::kFree;
  } else if (request.floor() == "pinned") {
    options.floor = cmp::FloorKind::kPinned;
  } else {
    violations.push_back({"floor", "is shared, free or pinned"});
  }
  if (request.has_floor_value() != (request.floor() == "pinned")) {
    violations.push_back({"floor_value", "goes with floor pinned, and with no other"});
  }
  if (request.has_floor_value()) {
    options.pinned_floor = request.floor_value();
    if (!(options.pinned_floor >= 0 && options.pinned_floor < 1e6)) {
      violations.push_back({"floor_value", "must be zero or more, and below 1e6"});
    }
  }
  if (positive(request.has_exponent(), request.exponent(), 10, "exponent"))
    options.exponent = request.exponent();
  if (positive(request.has_baseline_tokens_per_second(), request.baseline_tokens_per_second(), 1e15,
               "baseline_tokens_per_second")) {
    options.tokens_per_second_a = request.baseline_tokens_per_second();
  }
  if (positive(request.has_candidate_tokens_per_second(), request.candidate_tokens_per_second(), 1e15,
               "candidate_tokens_per_second")) {
    options.tokens_per_second_b = request.candidate_tokens_per_second();
  }
  if (positive(request.has_interval(), request.interval(), 1, "interval"))
    options.interval = request.interval();
  if (request.budgets_flops_size() > kMostBudgets) {
    violations.push_back({"budgets_flops", absl::StrCat("at most ", kMostBudgets)});
  }
  for (const double budget : request.budgets_flops()) {
    if (positive(true, budget, 1e40, "budgets_flops")) options.budgets.push_back(budget);
  }
  if (request.has_seed()) options.seed = request.seed();
  if (!violations.empty()) return InvalidFields(violations);
  return options;
}

struct Side {
  storage::Study study;
  RecipeRuns recipe;
};

absl::StatusOr<Side> LoadSide(storage::Snapshot& snapshot, const char* field, const std::string& name,
                              const std::string& filter) {
  const auto id = ParseStudyName(name);
  if (!id) return InvalidField(field, "not of the form studies/STUDY");
  if (*id == kPublishedStudy) return InvalidField(field, "the published laws have no runs");
  Side side;
  auto study = snapshot.GetStudy(*id);
  if (!study.ok()) return Annotate(study.status(), "study", name);
  side.study = *std::move(study);
  ASSIGN_OR_RETURN(const auto where,
                   ParseRunFilter(filter, absl::StrCat(field, "_filter"), side.study.declared));
  auto recipe = LoadRecipeRuns(snapshot, side.study, where);
  if (!recipe.ok()) return Annotate(recipe.status(), "study", name);
  side.recipe = *std::move(recipe);
  return side;
}

absl::Status Compare(const Core& core, const v1::CompareStudiesRequest& request,
                     v1::CompareStudiesResponse& response) {
  ASSIGN_OR_RETURN(const auto options, ComparisonOptions(request));
  Side baseline, candidate;
  {
    ASSIGN_OR_RETURN(const auto snapshot, core.Read());
    ASSIGN_OR_RETURN(baseline,
                     LoadSide(*snapshot, "baseline", request.baseline(), request.baseline_filter()));
    ASSIGN_OR_RETURN(candidate,
                     LoadSide(*snapshot, "candidate", request.candidate(), request.candidate_filter()));
  }
  if (baseline.study.loss_unit != candidate.study.loss_unit) {
    return UnmetPrecondition("RECIPES_DIFFER", request.candidate(),
                             "the losses of the two studies are in different units");
  }
  const auto comparison = cmp::CompareRecipes(baseline.recipe.runs, candidate.recipe.runs, options);
  if (!comparison.ok()) return Annotate(comparison.status(), "study", request.candidate());
  ComparisonToProto(*comparison, response);
  if (baseline.study.param_count != candidate.study.param_count) {
    response.add_warnings(
        "the two studies count parameters differently: FLOPs that no run records are 6 N D of either count");
  }
  for (const Side* side : {&baseline, &candidate}) {
    if (side->recipe.left_out == 0) continue;
    response.add_warnings(absl::StrCat(side->study.id, ": ", side->recipe.left_out,
                                       " runs that have not finished, or lack N, D or a loss, are left out"));
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* ComparisonService::CompareStudies(grpc::CallbackServerContext* context,
                                                            const v1::CompareStudiesRequest* request,
                                                            v1::CompareStudiesResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response,
                                  [this, request, response] { return Compare(core_, *request, *response); });
}

}  // namespace sextant::server
