// SPDX-License-Identifier: Apache-2.0
#include "server/convert/law.h"

#include <cmath>

#include "fitting/predict.h"
#include "server/convert/times.h"
#include "server/names.h"

namespace sextant::server {
namespace {

void VariableToProto(const fitting::VariableSpec& variable, v1::LawVariable& message) {
  message.set_name(variable.name);
  message.set_unit(variable.unit);
  message.set_counting(variable.counting);
  if (std::isfinite(variable.fitted.low)) message.set_fitted_low(variable.fitted.low);
  if (std::isfinite(variable.fitted.high)) message.set_fitted_high(variable.fitted.high);
  message.set_from_law(variable.from_law);
}

void ParameterToProto(const fitting::ParameterSpec& parameter, v1::LawParameter& message) {
  message.set_name(parameter.name);
  if (parameter.value) message.set_value(*parameter.value);
  if (parameter.low) message.set_low(*parameter.low);
  if (parameter.high) message.set_high(*parameter.high);
  message.set_fixed(parameter.fixed);
}

}  // namespace

void LawToProto(const LawEntry& entry, v1::Law& message) {
  const fitting::LawSpec& spec = entry.law->spec();
  message.set_name(LawName(spec.id));
  message.set_title(spec.title);
  message.set_predicts(fitting::QuantityName(spec));
  message.set_expression(spec.expression);
  message.set_evaluator(spec.evaluator);
  for (const auto& variable : spec.variables) VariableToProto(variable, *message.add_variables());
  for (const auto& parameter : spec.parameters) ParameterToProto(parameter, *message.add_parameters());
  message.set_status(spec.status);
  message.set_citation(spec.citation);
  message.set_url(spec.url);
  message.set_equation(spec.equation);
  message.set_recipe(spec.recipe);
  for (const std::string& note : spec.notes) message.add_notes(note);
  message.set_toml(entry.toml);
  message.set_built_in(entry.built_in);
  message.set_published(spec.published());
  if (!entry.built_in) SetTime(entry.create_time, *message.mutable_create_time());
  message.set_loss_unit(spec.loss_unit);
}

void PublishedFitToProto(const fitting::LawSpec& spec, v1::Fit& message) {
  message.set_name(FitName(kPublishedStudy, spec.id));
  message.set_law(spec.id);
  message.set_predicts(fitting::QuantityName(spec));
  message.set_state(v1::FIT_SUCCEEDED);
  message.set_estimator("published");
  for (const fitting::ParameterSpec& parameter : spec.parameters) {
    if (!parameter.value) continue;
    auto* estimate = message.add_parameters();
    estimate->set_name(parameter.name);
    estimate->set_estimate(*parameter.value);
    if (parameter.low) estimate->set_low(*parameter.low);
    if (parameter.high) estimate->set_high(*parameter.high);
  }
  for (const fitting::VariableSpec& variable : spec.variables) {
    if (!std::isfinite(variable.fitted.low) || !std::isfinite(variable.fitted.high)) continue;
    auto* range = message.add_fitted_ranges();
    range->set_variable(variable.name);
    range->set_low(variable.fitted.low);
    range->set_high(variable.fitted.high);
  }
  for (const std::string& note : spec.notes) message.add_warnings(note);
  message.set_loss_unit(spec.loss_unit);
}

}  // namespace sextant::server
