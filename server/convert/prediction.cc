// SPDX-License-Identifier: Apache-2.0
#include "server/convert/prediction.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "server/error.h"
#include "server/schedule_rates.h"

namespace sextant::server {
namespace {

using fitting::Target;

void SetQuantity(Target target, const fitting::Quantity& quantity, v1::Prediction& message) {
  switch (target) {
    case Target::kLearningRate:
      return QuantityToProto(quantity, *message.mutable_learning_rate());
    case Target::kBatchSizeTokens:
      return QuantityToProto(quantity, *message.mutable_batch_size_tokens());
    case Target::kCriticalBatchSizeTokens:
      return QuantityToProto(quantity, *message.mutable_critical_batch_size_tokens());
    case Target::kLoss:
      return QuantityToProto(quantity, *message.mutable_loss());
    case Target::kParams:
      return QuantityToProto(quantity, *message.mutable_params());
    case Target::kTokens:
      return QuantityToProto(quantity, *message.mutable_tokens());
    case Target::kWeightDecay:
      return QuantityToProto(quantity, *message.mutable_weight_decay());
    case Target::kAdamBeta2:
      return QuantityToProto(quantity, *message.mutable_adam_beta2());
    case Target::kUnspecified:
    case Target::kOther:
      return;
  }
}

}  // namespace

void QuantityToProto(const fitting::Quantity& quantity, v1::Quantity& message) {
  message.set_value(quantity.value);
  if (quantity.low) message.set_low(*quantity.low);
  if (quantity.high) message.set_high(*quantity.high);
  if (quantity.parameter_low) message.set_parameter_low(*quantity.parameter_low);
  if (quantity.parameter_high) message.set_parameter_high(*quantity.parameter_high);
  if (quantity.near_optimal_low) message.set_near_optimal_low(*quantity.near_optimal_low);
  if (quantity.near_optimal_high) message.set_near_optimal_high(*quantity.near_optimal_high);
}

std::vector<FieldViolation> Violations(const std::vector<std::string>& problems,
                                       const std::string& otherwise) {
  std::vector<FieldViolation> violations;
  for (const std::string& problem : problems) {
    const std::size_t colon = problem.find(": ");
    if (colon == std::string::npos) {
      violations.push_back({otherwise, problem});
    } else {
      violations.push_back({problem.substr(0, colon), problem.substr(colon + 2)});
    }
  }
  return violations;
}

absl::StatusOr<fitting::PredictionTarget> TargetFromProto(const v1::PredictRequest& request) {
  fitting::PredictionTarget target;
  target.params = request.params();
  target.tokens = request.tokens();
  if (request.has_batch_size_tokens()) target.batch_size_tokens = request.batch_size_tokens();
  if (request.has_learning_rate()) target.learning_rate = request.learning_rate();
  if (request.has_loss_nats()) target.loss_nats = request.loss_nats();
  if (request.has_max_extrapolation()) target.max_extrapolation = request.max_extrapolation();
  if (request.has_interval()) target.interval = request.interval();
  if (request.has_tolerance()) target.tolerance = request.tolerance();
  for (const auto& [name, value] : request.at()) target.at.emplace(name, value);
  if (request.has_schedule()) {
    ASSIGN_OR_RETURN(auto rates, RatesOf(request.schedule(), "schedule"));
    target.learning_rates = std::make_shared<const std::vector<double>>(std::move(rates));
  }
  const std::vector<std::string> problems = fitting::ValidateTarget(target);
  if (problems.empty()) return target;
  return InvalidFields(Violations(problems, "target"));
}

void AddPrediction(const fitting::Prediction& prediction, v1::PredictResponse& response) {
  for (const fitting::Withheld& withheld : prediction.withheld) {
    auto* unanswered = response.add_unanswered();
    unanswered->set_source(withheld.source);
    unanswered->set_quantity(withheld.quantity);
    unanswered->set_reason(withheld.reason);
  }
  if (prediction.quantities.empty() && prediction.other.empty()) return;
  v1::Prediction& message = *response.add_predictions();
  for (const std::string& fit : prediction.fits) message.add_fits(fit);
  for (const std::string& law : prediction.laws) message.add_laws(law);
  for (const auto& [target, quantity] : prediction.quantities) SetQuantity(target, quantity, message);
  message.mutable_extrapolation()->set_params(prediction.extrapolation_params);
  message.mutable_extrapolation()->set_tokens(prediction.extrapolation_tokens);
  for (const std::string& warning : prediction.warnings) message.add_warnings(warning);
  message.set_rate_kind(prediction.rate_kind);
  message.set_critical_batch_definition(prediction.critical_batch_definition);
  if (prediction.tradeoff) {
    v1::BatchTradeoff& tradeoff = *message.mutable_batch_tradeoff();
    tradeoff.set_batch_size_tokens(prediction.tradeoff->batch_size_tokens);
    QuantityToProto(prediction.tradeoff->extra_steps_share, *tradeoff.mutable_extra_steps_share());
    QuantityToProto(prediction.tradeoff->extra_compute_share, *tradeoff.mutable_extra_compute_share());
  }
  for (const std::string& input : prediction.inputs) message.add_inputs(input);
  message.set_source(prediction.citation);
  for (const auto& [name, value] : prediction.other) (*message.mutable_other())[name] = value;
}

}  // namespace sextant::server
