// SPDX-License-Identifier: Apache-2.0
#include "server/service/conversion_service.h"

#include "fitting/optimum/convert_setting.h"
#include "server/convert/prediction.h"
#include "server/error.h"

namespace sextant::server {
namespace {

absl::Status Convert(const v1::ConvertSettingRequest& request, v1::ConvertSettingResponse& response) {
  fitting::OptimizerSetting setting;
  setting.optimizer = request.optimizer();
  setting.from_batch = request.from_batch();
  setting.to_batch = request.to_batch();
  if (request.has_learning_rate()) setting.learning_rate = request.learning_rate();
  if (request.has_beta1()) setting.beta1 = request.beta1();
  if (request.has_beta2()) setting.beta2 = request.beta2();
  if (request.has_epsilon()) setting.epsilon = request.epsilon();
  if (request.has_weight_decay()) setting.weight_decay = request.weight_decay();
  if (request.has_ema_decay()) setting.ema_decay = request.ema_decay();
  if (request.has_warmup_steps()) setting.warmup_steps = request.warmup_steps();
  if (request.has_noise_batch()) setting.noise_batch = request.noise_batch();
  if (request.has_exponent()) setting.exponent = request.exponent();
  if (const auto problems = fitting::ValidateSetting(setting); !problems.empty()) {
    return InvalidFields(Violations(problems, "setting"));
  }
  const auto converted = fitting::ConvertSetting(setting);
  if (!converted.ok()) return converted.status();
  response.set_factor(converted->factor);
  for (const fitting::ConvertedSetting& row : converted->values) {
    v1::ConvertedValue& out = *response.add_values();
    out.set_quantity(row.quantity);
    out.set_from(row.from);
    if (row.value) out.set_value(*row.value);
    if (row.low) out.set_low(*row.low);
    if (row.high) out.set_high(*row.high);
    out.set_rule(row.rule);
    out.set_source(row.source);
    out.set_validity(row.validity);
  }
  for (const std::string& warning : converted->warnings) response.add_warnings(warning);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* ConversionService::ConvertSetting(grpc::CallbackServerContext* context,
                                                            const v1::ConvertSettingRequest* request,
                                                            v1::ConvertSettingResponse* response) {
  return core_.calls.Inline(context, *request, [&] { return Convert(*request, *response); });
}

}  // namespace sextant::server
