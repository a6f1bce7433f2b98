// SPDX-License-Identifier: Apache-2.0
#include "server/convert/plan.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "server/convert/plan_extras.h"
#include "server/convert/prediction.h"
#include "server/error.h"

namespace sextant::server {

using fitting::Target;

namespace {

// Warm-up as a share of the steps: the trainer's own default, as no law that ships predicts one. Porian et
// al. 2024: one as long as the run spoils the optimum, a short one does not.
constexpr double kWarmupShare = 0.04;

}  // namespace

std::string ConstraintsText(const v1::PlanRequest& request) {
  std::string text;
  const google::protobuf::Reflection& reflection = *request.GetReflection();
  for (int i = 0; i < request.GetDescriptor()->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = request.GetDescriptor()->field(i);
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE || field->is_repeated() ||
        !reflection.HasField(request, field)) {
      continue;
    }
    if (field->name() == "interval" || field->name() == "tolerance") continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", field->name(), " ",
                    absl::StrFormat("%.4g", reflection.GetDouble(request, field)));
  }
  return text;
}

absl::StatusOr<fitting::PlanRequest> PlanFromProto(const v1::PlanRequest& r) {
  fitting::PlanRequest request;
  const auto copy = [](bool has, double value, std::optional<double>& to) {
    if (has) to = value;
  };
  copy(r.has_flops(), r.flops(), request.flops);
  copy(r.has_gpus(), r.gpus(), request.gpus);
  copy(r.has_days(), r.days(), request.days);
  copy(r.has_gpu_flops_per_second(), r.gpu_flops_per_second(), request.gpu_flops_per_second);
  copy(r.has_utilisation(), r.utilisation(), request.utilisation);
  copy(r.has_target_loss(), r.target_loss(), request.target_loss);
  copy(r.has_params(), r.params(), request.params);
  copy(r.has_tokens(), r.tokens(), request.tokens);
  copy(r.has_max_params(), r.max_params(), request.max_params);
  copy(r.has_unique_tokens(), r.unique_tokens(), request.unique_tokens);
  copy(r.has_inference_tokens(), r.inference_tokens(), request.inference_tokens);
  copy(r.has_overtrain(), r.overtrain(), request.overtrain);
  if (r.has_interval()) request.interval = r.interval();
  if (r.has_tolerance()) request.tolerance = r.tolerance();
  if (r.has_flops_per_param_token()) request.flops_per_param_token = r.flops_per_param_token();
  std::vector<std::string> problems = fitting::ValidatePlanRequest(request);
  if (r.has_max_batch_size_tokens() &&
      !(r.max_batch_size_tokens() >= 1 && r.max_batch_size_tokens() < 1e30)) {
    problems.push_back("max_batch_size_tokens: must be a positive, finite number of tokens");
  }
  if (r.shapes()) {
    fitting::ShapeRequest shape = ShapeFromProto(r.shape());
    shape.params = 1e9;  // the plan's, once it is made
    for (const std::string& problem : fitting::ValidateShapeRequest(shape))
      problems.push_back("shape." + problem);
  }
  if (!problems.empty()) return InvalidFields(Violations(problems, "budget"));
  return request;
}

void AllocationToProto(const fitting::AllocationPlan& plan, double tolerance, v1::Plan& message) {
  message.set_source(plan.source);
  QuantityToProto(plan.params, *message.mutable_params());
  QuantityToProto(plan.tokens, *message.mutable_tokens());
  QuantityToProto(plan.tokens_per_param, *message.mutable_tokens_per_param());
  if (std::isfinite(plan.loss.value)) QuantityToProto(plan.loss, *message.mutable_loss());
  message.set_flops(plan.flops);
  if (plan.inference_flops) message.set_inference_flops(*plan.inference_flops);
  if (plan.gpu_hours) message.set_gpu_hours(*plan.gpu_hours);
  if (plan.wall_days) message.set_wall_days(*plan.wall_days);
  if (plan.epochs) message.set_epochs(*plan.epochs);
  if (plan.valley_low && plan.valley_high) {
    message.mutable_valley()->set_params_low(*plan.valley_low);
    message.mutable_valley()->set_params_high(*plan.valley_high);
    message.mutable_valley()->set_tolerance(tolerance);
  }
  for (const fitting::FrontierPoint& point : plan.frontier) {
    v1::FrontierPoint& out = *message.add_frontier();
    out.set_params(point.params);
    out.set_tokens(point.tokens);
    out.set_loss(point.loss);
  }
  message.mutable_extrapolation()->set_params(plan.extrapolation_params);
  message.mutable_extrapolation()->set_tokens(plan.extrapolation_tokens);
  for (const std::string& warning : plan.warnings) message.add_warnings(warning);
  message.set_basis(plan.basis);
  message.set_flops_count(plan.flops_count);
}

void AddRecipe(const fitting::Prediction& prediction, v1::Plan& message) {
  for (const auto& [target, quantity] : prediction.quantities) {
    if (target == Target::kLearningRate) QuantityToProto(quantity, *message.mutable_learning_rate());
    if (target == Target::kBatchSizeTokens) QuantityToProto(quantity, *message.mutable_batch_size_tokens());
    if (target == Target::kCriticalBatchSizeTokens) {
      QuantityToProto(quantity, *message.mutable_critical_batch_size_tokens());
    }
    if (target == Target::kWeightDecay) QuantityToProto(quantity, *message.mutable_weight_decay());
    if (target == Target::kAdamBeta2) QuantityToProto(quantity, *message.mutable_adam_beta2());
  }
  message.set_rate_kind(prediction.rate_kind);
  for (const std::string& fit : prediction.fits) message.add_fits(fit);
  for (const std::string& law : prediction.laws) message.add_laws(law);
  for (const std::string& warning : prediction.warnings) message.add_warnings(warning);
  if (message.has_batch_size_tokens() && message.batch_size_tokens().value() > 0) {
    message.set_steps(message.tokens().value() / message.batch_size_tokens().value());
    message.set_warmup_steps(std::max(1.0, std::round(kWarmupShare * message.steps())));
  }
}

}  // namespace sextant::server
