#include "server/run_fields.h"

namespace sextant::server {
namespace {

using enum RunFieldKind;
constexpr RunField kFields[] = {
    {"name", "id", kText},
    {"run_id", "id", kText},
    {"params_non_embedding", "params_non_embedding", kNumber},
    {"params_total", "params_total", kNumber},
    {"params_active", "params_active", kNumber},
    {"params_non_input_embedding", "params_non_input_embedding", kNumber},
    {"tokens", "tokens", kNumber},
    {"learning_rate", "learning_rate", kNumber},
    {"batch_size_tokens", "batch_size_tokens", kNumber},
    {"sequence_length", "sequence_length", kNumber},
    {"steps", "steps", kNumber},
    {"warmup_steps", "warmup_steps", kNumber},
    {"weight_decay", "weight_decay", kNumber},
    {"adam_beta1", "adam_beta1", kNumber},
    {"adam_beta2", "adam_beta2", kNumber},
    {"min_learning_rate", "min_learning_rate", kNumber},
    {"flops", "flops", kNumber},
    {"loss_nats", "loss", kNumber},
    {"state", "state", kState},
    {"schedule", "schedule", kText},
    {"optimizer", "optimizer", kText},
    {"seed", "seed", kNumber},
    {"source", "source", kText},
    {"curve_point_count", "curve_points", kNumber},
};

}  // namespace

const RunField* FindRunField(const std::string& api_name) {
  for (const RunField& field : kFields) {
    if (api_name == field.api) return &field;
  }
  return nullptr;
}

std::string RunFieldNames() {
  std::string names;
  for (const RunField& field : kFields) {
    if (!names.empty()) names += ", ";
    names += field.api;
  }
  return names;
}

}  // namespace sextant::server
