#include "clients/importers/fields.h"

#include <algorithm>
#include <cmath>

#include "clients/importers/identity.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

using R = ImportedRun;
constexpr std::string_view kTagPrefix = "tags.";

std::string SetState(std::string_view text, ImportedRun* run) {
  const std::string state = ToLower(text);
  if (state == "finished" || state == "completed" || state == "complete") {
    run->state = ImportedState::kFinished;
  } else if (state == "diverged") {
    run->state = ImportedState::kDiverged;
  } else if (state == "crashed" || state == "failed" || state == "killed") {
    run->state = ImportedState::kCrashed;
  } else if (state == "running") {
    run->state = ImportedState::kRunning;
  } else {
    return "state " + Quoted(text) + " is none of finished, diverged, crashed, running";
  }
  return {};
}

// Labels separated by ';' or ','.
void SetLabels(std::string_view text, ImportedRun* run) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(";,"), text.size());
    const std::string_view label = Trim(text.substr(0, end));
    if (!label.empty() && run->labels.size() < kMaxTags) run->labels.emplace_back(label);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string SetTag(std::string_view key, std::string_view text, ImportedRun* run) {
  if (key.empty() || key.size() > kMaxTextBytes) return "a tag's key is empty or too long";
  if (run->tags.size() >= kMaxTags) return "more than " + std::to_string(kMaxTags) + " tags";
  run->tags[std::string(key)] = std::string(text);
  return {};
}

}  // namespace

const std::vector<NumberField>& NumberFields() {
  static const auto* fields = new std::vector<NumberField>{
      {"params_non_embedding",
       &R::params_non_embedding,
       NumberRule::kPositive,
       {"non_embedding_params", "params_nonembedding", "num_params_non_embedding", "n_non_embedding"}},
      {"params_total", &R::params_total, NumberRule::kPositive, {"total_params", "num_params_total"}},
      {"params_active", &R::params_active, NumberRule::kPositive, {"active_params"}},
      {"params_non_input_embedding", &R::params_non_input_embedding, NumberRule::kPositive, {}},
      {"tokens", &R::tokens, NumberRule::kPositive, {"tokens_processed", "total_tokens", "train_tokens"}},
      {"learning_rate",
       &R::learning_rate,
       NumberRule::kPositive,
       {"peak_learning_rate", "learning_rate_peak", "peak_lr", "max_lr", "lr"}},
      {"batch_size_tokens",
       &R::batch_size_tokens,
       NumberRule::kPositive,
       {"batch_size_in_tokens", "batch_tokens", "tokens_per_batch", "tokens_per_step"}},
      {"sequence_length",
       &R::sequence_length,
       NumberRule::kPositive,
       {"seq_len", "seq_length", "context_length"}},
      {"steps", &R::steps, NumberRule::kPositive, {"train_steps", "total_steps", "num_steps"}},
      {"warmup_steps", &R::warmup_steps, NumberRule::kNonNegative, {"warmup"}},
      {"weight_decay", &R::weight_decay, NumberRule::kNonNegative, {"wd"}},
      {"adam_beta1", &R::adam_beta1, NumberRule::kFraction, {"beta1"}},
      {"adam_beta2", &R::adam_beta2, NumberRule::kFraction, {"beta2"}},
      {"min_learning_rate", &R::min_learning_rate, NumberRule::kNonNegative, {"min_lr"}},
      {"flops", &R::flops, NumberRule::kPositive, {"total_flops", "training_flops"}},
      {"loss_nats",
       &R::loss_nats,
       NumberRule::kLoss,
       {"final_loss_nats", "val_loss_nats", "validation_loss_nats", "val_loss", "validation_loss",
        "eval_loss", "final_loss", "loss"}}};
  return *fields;
}

const NumberField* FindNumberField(std::string_view name) {
  for (const NumberField& field : NumberFields()) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

const std::vector<TextField>& TextFields() {
  static const auto* fields = new std::vector<TextField>{{"run_id", {"run", "run_name", "id", "ID", "Name"}},
                                                         {"schedule", {"lr_schedule"}},
                                                         {"optimizer", {}},
                                                         {"state", {"status", "State"}},
                                                         {"seed", {"random_seed"}},
                                                         {"labels", {}}};
  return *fields;
}

std::vector<std::string> FieldNames() {
  std::vector<std::string> names;
  for (const NumberField& field : NumberFields()) names.push_back(field.name);
  for (const TextField& field : TextFields()) names.push_back(field.name);
  names.push_back("tags.KEY");
  return names;
}

bool IsFieldName(std::string_view name) {
  if (name.substr(0, kTagPrefix.size()) == kTagPrefix) return name.size() > kTagPrefix.size();
  const std::vector<std::string> names = FieldNames();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string CheckNumber(const NumberField& field, double value) {
  const bool diverged_loss = field.rule == NumberRule::kLoss && !std::isfinite(value);
  if (diverged_loss) return {};
  if (!std::isfinite(value)) return field.name + " is not finite";
  const bool zero_allowed = field.rule == NumberRule::kNonNegative || field.rule == NumberRule::kFraction;
  if (value < 0) return field.name + " is negative";
  if (value == 0 && !zero_allowed) return field.name + " is zero";
  if (value >= 1 && field.rule == NumberRule::kFraction) return field.name + " is not below 1";
  return {};
}

std::string SetField(std::string_view field, std::string_view text, ImportedRun* run) {
  const std::string name(field);
  text = Trim(text);
  if (text.empty()) return name + " is missing";
  if (const NumberField* number = FindNumberField(field)) {
    const std::optional<double> value = ParseDouble(text);
    if (!value) return name + " is not a number: " + Quoted(text);
    run->*(number->member) = *value;
    return CheckNumber(*number, *value);
  }
  if (text.size() > kMaxTextBytes)
    return name + " is longer than " + std::to_string(kMaxTextBytes) + " bytes";
  if (!IsValidUtf8(text)) return name + " is not valid UTF-8: " + Quoted(text);
  if (name == "run_id") {
    SetRunId(text, run);
  } else if (name == "schedule") {
    run->schedule = std::string(text);
  } else if (name == "optimizer") {
    run->optimizer = std::string(text);
  } else if (name == "state") {
    return SetState(text, run);
  } else if (name == "seed") {
    run->seed = ParseInt64(text);
    if (!run->seed) return "seed is not a whole number: " + Quoted(text);
  } else if (name == "labels") {
    SetLabels(text, run);
  } else if (field.substr(0, kTagPrefix.size()) == kTagPrefix) {
    return SetTag(field.substr(kTagPrefix.size()), text, run);
  }
  return {};
}

}  // namespace sextant::importers
