// SPDX-License-Identifier: Apache-2.0
#include "server/convert/forecast.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <cmath>
#include <set>

#include "fitting/version.h"
#include "server/convert/study.h"
#include "server/convert/text.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"
#include "storage/forecast_seal.h"

namespace sextant::server {
namespace {

using google::protobuf::FieldDescriptor;
using storage::ForecastQuantity;

constexpr char kOther[] = "other.";
constexpr std::size_t kMaxVariableBytes = 64;
constexpr double kDefaultInterval = 0.9, kDefaultTolerance = 0.0025;  // as PredictRequest has them

/// The fields of Prediction that are quantities.
const std::vector<const FieldDescriptor*>& QuantityMembers() {
  static const auto* members = [] {
    auto* found = new std::vector<const FieldDescriptor*>;
    const auto* type = v1::Prediction::descriptor();
    for (int i = 0; i < type->field_count(); ++i) {
      if (type->field(i)->message_type() == v1::Quantity::descriptor()) found->push_back(type->field(i));
    }
    return found;
  }();
  return *members;
}

ForecastQuantity LedgerQuantity(const std::string& name, const v1::Quantity& q) {
  const auto or_unknown = [](bool has, double value) { return has ? value : storage::kUnknown; };
  return {name,
          q.value(),
          or_unknown(q.has_low(), q.low()),
          or_unknown(q.has_high(), q.high()),
          or_unknown(q.has_near_optimal_low(), q.near_optimal_low()),
          or_unknown(q.has_near_optimal_high(), q.near_optimal_high()),
          or_unknown(q.has_parameter_low(), q.parameter_low()),
          or_unknown(q.has_parameter_high(), q.parameter_high())};
}

/// What a quantity is called in the ledger, by what a law predicts.
std::string QuantityOfLaw(const fitting::LawSpec& law) {
  const std::string name = fitting::QuantityName(law);
  const auto* field = v1::Prediction::descriptor()->FindFieldByName(name);
  return field != nullptr && field->message_type() == v1::Quantity::descriptor() ? name : kOther + name;
}

storage::ForecastSource SourceOfFit(const std::string& name, const FitTable::Snapshot& fits) {
  storage::ForecastSource source;
  source.name = name;
  const auto parsed = ParseFitName(name);
  if (!parsed) return source;
  const auto study = fits.find(parsed->study);
  if (study == fits.end()) return source;
  const auto fit = study->second->fits.find(parsed->id);
  if (fit == study->second->fits.end() || !fit->second.predictor) return source;
  const fitting::FitResult& result = *fit->second.predictor->fit();
  source.law_id = result.law_id;
  source.estimator = result.estimator;
  source.data_digest = result.data_digest;
  source.quantity = QuantityOfLaw(fit->second.predictor->law()->spec());
  return source;
}

void SetIfKnown(double value, void (v1::ForecastInputs::*set)(double), v1::ForecastInputs& inputs) {
  if (!std::isnan(value)) (inputs.*set)(value);
}

const char* VerdictWord(storage::ForecastScore::Verdict verdict) {
  switch (verdict) {
    case storage::ForecastScore::Verdict::kInside:
      return "inside";
    case storage::ForecastScore::Verdict::kOutside:
      return "outside";
    case storage::ForecastScore::Verdict::kNoInterval:
      break;
  }
  return "no-interval";
}

void PredictionToProto(const storage::Forecast& forecast, v1::Prediction& message) {
  const auto* reflection = message.GetReflection();
  for (const ForecastQuantity& quantity : forecast.quantities) {
    if (absl::StartsWith(quantity.name, kOther)) {
      (*message.mutable_other())[quantity.name.substr(sizeof kOther - 1)] = quantity.value;
      continue;
    }
    const auto* field = v1::Prediction::descriptor()->FindFieldByName(quantity.name);
    if (field == nullptr || field->message_type() != v1::Quantity::descriptor()) continue;
    ForecastQuantityToProto(quantity,
                            static_cast<v1::Quantity&>(*reflection->MutableMessage(&message, field)));
  }
  std::set<std::string> laws;
  for (const storage::ForecastSource& source : forecast.sources) {
    if (ParseFitName(source.name)) message.add_fits(source.name);
    if (laws.insert(source.law_id).second) message.add_laws(source.law_id);
  }
  if (!std::isnan(forecast.extrapolation_params))
    message.mutable_extrapolation()->set_params(forecast.extrapolation_params);
  if (!std::isnan(forecast.extrapolation_tokens))
    message.mutable_extrapolation()->set_tokens(forecast.extrapolation_tokens);
  message.set_rate_kind(forecast.rate_kind);
}

}  // namespace

absl::StatusOr<v1::PredictRequest> ForecastTarget(const v1::CreateForecastRequest& request) {
  std::vector<FieldViolation> violations;
  if (!request.has_target()) violations.push_back({"target", "missing: what to predict"});
  v1::PredictRequest target = request.target();
  if (target.has_schedule()) {
    violations.push_back(
        {"target.schedule", "the ledger keeps no schedules: forecast from a law of N and D"});
  }
  const int sources = target.studies_size() + target.fits_size() + target.laws_size();
  if (sources > 1)
    violations.push_back({"target.studies", "a forecast has one source: a study, a fit or a law"});
  if (sources == 0) target.add_studies(request.parent());
  for (const std::string& study : target.studies()) {
    if (study == StudyName(kPublishedStudy))
      violations.push_back(
          {"target.studies", "every published law at once is no forecast: name one as a law"});
  }
  if (target.at_size() > kMaxForecastInputs)
    violations.push_back({"target.at", absl::StrCat("at most ", kMaxForecastInputs, " variables")});
  for (const auto& [name, value] : target.at()) {
    CheckText("target.at", name, kMaxVariableBytes, violations);
    if (!std::isfinite(value)) violations.push_back({"target.at", "a value is not finite"});
    if (violations.size() > kMaxViolations) break;
  }
  if (!request.forecast_id().empty() && !IsLabel(request.forecast_id()))
    violations.push_back({"forecast_id", kLabelRule});
  if (!violations.empty()) return InvalidFields(violations);
  return target;
}

storage::Forecast ForecastFromPrediction(const v1::PredictRequest& target, const v1::Prediction& prediction,
                                         const storage::Study& study, const FitTable::Snapshot& fits) {
  storage::Forecast forecast;
  forecast.study_id = study.id;
  if (target.params() > 0) forecast.params = target.params();
  if (target.tokens() > 0) forecast.tokens = target.tokens();
  forecast.at.insert(target.at().begin(), target.at().end());
  // As in a prediction, these stand before what the fields say.
  if (const auto n = forecast.at.find("N"); n != forecast.at.end()) forecast.params = n->second;
  if (const auto d = forecast.at.find("D"); d != forecast.at.end()) forecast.tokens = d->second;
  if (target.has_batch_size_tokens()) forecast.batch_size_tokens = target.batch_size_tokens();
  if (const auto b = forecast.at.find("B"); b != forecast.at.end()) forecast.batch_size_tokens = b->second;
  if (target.has_learning_rate()) forecast.learning_rate = target.learning_rate();
  if (target.has_loss_nats()) forecast.loss = target.loss_nats();
  forecast.interval = target.has_interval() ? target.interval() : kDefaultInterval;
  forecast.tolerance = target.has_tolerance() ? target.tolerance() : kDefaultTolerance;
  forecast.param_count = ParamCountText(study.param_count);
  forecast.loss_unit = LossUnitText(study.loss_unit);
  const auto* reflection = prediction.GetReflection();
  for (const FieldDescriptor* field : QuantityMembers()) {
    if (!reflection->HasField(prediction, field)) continue;
    forecast.quantities.push_back(LedgerQuantity(
        field->name(), static_cast<const v1::Quantity&>(reflection->GetMessage(prediction, field))));
  }
  const std::map<std::string, double> other(prediction.other().begin(), prediction.other().end());
  for (const auto& [name, value] : other) {
    ForecastQuantity& quantity = forecast.quantities.emplace_back();
    quantity.name = kOther + name;
    quantity.value = value;
  }
  for (const std::string& fit : prediction.fits()) {
    const auto name = ParseFitName(fit);
    if (name && name->study != kPublishedStudy) forecast.sources.push_back(SourceOfFit(fit, fits));
  }
  if (forecast.sources.empty()) {
    for (const std::string& law : prediction.laws()) forecast.sources.push_back({law, law, "", "", ""});
  }
  if (prediction.has_extrapolation()) {
    forecast.extrapolation_params = prediction.extrapolation().params();
    forecast.extrapolation_tokens = prediction.extrapolation().tokens();
  }
  forecast.rate_kind = prediction.rate_kind();
  forecast.version = fitting::kVersion;
  return forecast;
}

void ForecastQuantityToProto(const ForecastQuantity& quantity, v1::Quantity& message) {
  const auto set = [&message](double value, void (v1::Quantity::*setter)(double)) {
    if (!std::isnan(value)) (message.*setter)(value);
  };
  message.set_value(quantity.value);
  set(quantity.low, &v1::Quantity::set_low);
  set(quantity.high, &v1::Quantity::set_high);
  set(quantity.near_optimal_low, &v1::Quantity::set_near_optimal_low);
  set(quantity.near_optimal_high, &v1::Quantity::set_near_optimal_high);
  set(quantity.parameter_low, &v1::Quantity::set_parameter_low);
  set(quantity.parameter_high, &v1::Quantity::set_parameter_high);
}

const ForecastQuantity* FindQuantity(const storage::Forecast& forecast, const std::string& name) {
  for (const ForecastQuantity& quantity : forecast.quantities) {
    if (quantity.name == name) return &quantity;
  }
  return nullptr;
}

void ScoreToProto(const storage::ForecastScore& score, const std::string& study, v1::QuantityScore& message) {
  message.set_quantity(score.quantity);
  message.set_run(RunName(study, score.run_id));
  message.set_actual(score.actual);
  message.set_error(score.error);
  if (!std::isnan(score.excess_loss)) message.set_excess_loss(score.excess_loss);
  message.set_verdict(VerdictWord(score.verdict));
  SetTime(score.score_time, *message.mutable_score_time());
}

void ForecastToProto(const storage::Forecast& forecast, v1::Forecast& message) {
  message.set_name(ForecastName(forecast.study_id, forecast.id));
  SetTime(forecast.seal_time, *message.mutable_seal_time());
  v1::ForecastInputs& inputs = *message.mutable_inputs();
  using Inputs = v1::ForecastInputs;
  SetIfKnown(forecast.params, &Inputs::set_params, inputs);
  SetIfKnown(forecast.tokens, &Inputs::set_tokens, inputs);
  SetIfKnown(forecast.batch_size_tokens, &Inputs::set_batch_size_tokens, inputs);
  SetIfKnown(forecast.learning_rate, &Inputs::set_learning_rate, inputs);
  SetIfKnown(forecast.loss, &Inputs::set_loss_nats, inputs);
  SetIfKnown(forecast.interval, &Inputs::set_interval, inputs);
  SetIfKnown(forecast.tolerance, &Inputs::set_tolerance, inputs);
  for (const auto& [name, value] : forecast.at) (*inputs.mutable_at())[name] = value;
  inputs.set_param_count(forecast.param_count);
  inputs.set_loss_unit(forecast.loss_unit);
  PredictionToProto(forecast, *message.mutable_prediction());
  for (const storage::ForecastSource& source : forecast.sources) {
    v1::ForecastSource& out = *message.add_sources();
    out.set_name(source.name);
    out.set_law(source.law_id);
    out.set_estimator(source.estimator);
    out.set_data_digest(source.data_digest);
    out.set_quantity(source.quantity);
  }
  message.set_version(forecast.version);
  message.set_seal(forecast.seal);
  message.set_seal_broken(!storage::SealHolds(forecast));
  for (const storage::ForecastScore& score : forecast.scores)
    ScoreToProto(score, forecast.study_id, *message.add_scores());
}

}  // namespace sextant::server
