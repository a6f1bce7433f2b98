#include "clients/cli/upload/to_proto.h"

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
  if (run.params_non_embedding) out.set_params_non_embedding(*run.params_non_embedding);
  if (run.params_total) out.set_params_total(*run.params_total);
  if (run.params_active) out.set_params_active(*run.params_active);
  if (run.params_non_input_embedding) out.set_params_non_input_embedding(*run.params_non_input_embedding);
  if (run.tokens) out.set_tokens(*run.tokens);
  if (run.learning_rate) out.set_learning_rate(*run.learning_rate);
  if (run.batch_size_tokens) out.set_batch_size_tokens(*run.batch_size_tokens);
  if (run.sequence_length) out.set_sequence_length(*run.sequence_length);
  if (run.steps) out.set_steps(*run.steps);
  if (run.warmup_steps) out.set_warmup_steps(*run.warmup_steps);
  if (run.weight_decay) out.set_weight_decay(*run.weight_decay);
  if (run.adam_beta1) out.set_adam_beta1(*run.adam_beta1);
  if (run.adam_beta2) out.set_adam_beta2(*run.adam_beta2);
  if (run.min_learning_rate) out.set_min_learning_rate(*run.min_learning_rate);
  if (run.flops) out.set_flops(*run.flops);
  if (run.loss_nats) out.set_loss_nats(*run.loss_nats);
  out.set_state(ToProto(run.state));
  out.set_schedule(run.schedule);
  out.set_optimizer(run.optimizer);
  if (run.seed) out.set_seed(*run.seed);
  out.mutable_tags()->insert(run.tags.begin(), run.tags.end());
  for (const std::string& label : run.labels) out.add_labels(label);
  out.set_source(run.line > 0 ? run.source + ":" + std::to_string(run.line) : run.source);
  if (run.curve) SetCurve(*run.curve, out.mutable_curve());
  return out;
}

}  // namespace sextant::cli
