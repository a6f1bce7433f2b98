// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/upload/to_proto.h"

#include "base/run_field_table.h"
#include "server/convert/run_quantities.h"

namespace sextant::cli {
namespace {

v1::RunState ToProto(importers::ImportedState state) {
  switch (state) {
    case importers::ImportedState::kRunning:
      return v1::RUNNING;
    case importers::ImportedState::kFinished:
      return v1::FINISHED;
    case importers::ImportedState::kDiverged:
      return v1::DIVERGED;
    case importers::ImportedState::kCrashed:
      return v1::CRASHED;
    case importers::ImportedState::kUnspecified:
      break;
  }
  return v1::RUN_STATE_UNSPECIFIED;
}

void SetCurve(const importers::ImportedCurve& from, v1::Curve* to) {
  to->mutable_step()->Add(from.step.begin(), from.step.end());
  to->mutable_tokens()->Add(from.tokens.begin(), from.tokens.end());
  to->mutable_train_loss()->Add(from.train_loss.begin(), from.train_loss.end());
  to->mutable_validation_loss()->Add(from.validation_loss.begin(), from.validation_loss.end());
  to->mutable_learning_rate()->Add(from.learning_rate.begin(), from.learning_rate.end());
  to->mutable_gradient_noise_scale()->Add(from.gradient_noise_scale.begin(), from.gradient_noise_scale.end());
}

}  // namespace

v1::Run ToProto(const importers::ImportedRun& run) {
  v1::Run out;
  out.set_run_id(run.run_id);
  const google::protobuf::Reflection& reflection = *out.GetReflection();
  const server::QuantityFields& fields = server::RunQuantityFields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::optional<double>& value = run.*kRunQuantities[i].imported;
    if (value) reflection.SetDouble(&out, fields[i], *value);
  }
  out.set_state(ToProto(run.state));
  out.set_schedule(run.schedule);
  out.set_optimizer(run.optimizer);
  if (run.seed) out.set_seed(*run.seed);
  out.mutable_tags()->insert(run.tags.begin(), run.tags.end());
  out.mutable_variables()->insert(run.variables.begin(), run.variables.end());
  for (const std::string& label : run.labels) out.add_labels(label);
  out.set_source(run.line > 0 ? run.source + ":" + std::to_string(run.line) : run.source);
  if (run.curve) SetCurve(*run.curve, out.mutable_curve());
  return out;
}

}  // namespace sextant::cli
