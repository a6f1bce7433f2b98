#include "clients/cli/commands/run_columns.h"

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "sextant/v1/run_service.pb.h"

namespace sextant::cli {
namespace {

using v1::Run;

enum class Shown { kCount, kNumber };

RecordColumn NumberColumn(const std::string& name, const std::string& title, bool in_list, Shown shown,
                          bool (Run::*has)() const, double (Run::*get)() const) {
  return MakeColumn<Run>(
      name, title, true, in_list,
      [=](const Run& run) {
        if (!(run.*has)()) return std::string();
        return shown == Shown::kCount ? FormatCount((run.*get)()) : FormatNumber((run.*get)());
      },
      [=](const Run& run) { return (run.*has)() ? FormatRoundTrip((run.*get)()) : std::string(); });
}

RecordColumn TextColumnOf(const std::string& name, const std::string& title,
                          const std::string& (Run::*get)() const) {
  return MakeColumn<Run>(
      name, title, false, false, [get](const Run& run) { return (run.*get)(); },
      [get](const Run& run) { return (run.*get)(); });
}

std::string Joined(const Run& run) {
  std::string text;
  for (const std::string& label : run.labels()) text += (text.empty() ? "" : ";") + label;
  return text;
}

std::string Tags(const Run& run) {
  std::string text;
  for (const auto& [key, value] : run.tags()) text += (text.empty() ? "" : ";") + key + "=" + value;
  return text;
}

std::string StateWord(const Run& run) {
  switch (run.state()) {
    case v1::RUNNING:
      return "running";
    case v1::FINISHED:
      return "finished";
    case v1::DIVERGED:
      return "diverged";
    case v1::CRASHED:
      return "crashed";
    default:
      return {};
  }
}

}  // namespace

std::vector<RecordColumn> RunColumns() {
  const auto seed = [](const Run& run) {
    return run.has_seed() ? std::to_string(run.seed()) : std::string();
  };
  const auto points = [](const Run& run) { return std::to_string(run.curve_point_count()); };
  return {
      MakeColumn<Run>(
          "name", "run", false, true, [](const Run& run) { return IdOf(run.name()); },
          [](const Run& run) { return run.name(); }),
      NumberColumn("params_non_embedding", "params non-emb", true, Shown::kCount,
                   &Run::has_params_non_embedding, &Run::params_non_embedding),
      NumberColumn("params_total", "params total", false, Shown::kCount, &Run::has_params_total,
                   &Run::params_total),
      NumberColumn("params_active", "params active", false, Shown::kCount, &Run::has_params_active,
                   &Run::params_active),
      NumberColumn("params_non_input_embedding", "params non-input-emb", false, Shown::kCount,
                   &Run::has_params_non_input_embedding, &Run::params_non_input_embedding),
      NumberColumn("tokens", "tokens", true, Shown::kCount, &Run::has_tokens, &Run::tokens),
      NumberColumn("learning_rate", "learning rate", true, Shown::kNumber, &Run::has_learning_rate,
                   &Run::learning_rate),
      NumberColumn("batch_size_tokens", "batch (tokens)", true, Shown::kCount, &Run::has_batch_size_tokens,
                   &Run::batch_size_tokens),
      NumberColumn("sequence_length", "sequence length", false, Shown::kNumber, &Run::has_sequence_length,
                   &Run::sequence_length),
      NumberColumn("steps", "steps", false, Shown::kCount, &Run::has_steps, &Run::steps),
      NumberColumn("warmup_steps", "warm-up steps", false, Shown::kCount, &Run::has_warmup_steps,
                   &Run::warmup_steps),
      NumberColumn("weight_decay", "weight decay", false, Shown::kNumber, &Run::has_weight_decay,
                   &Run::weight_decay),
      NumberColumn("adam_beta1", "beta1", false, Shown::kNumber, &Run::has_adam_beta1, &Run::adam_beta1),
      NumberColumn("adam_beta2", "beta2", false, Shown::kNumber, &Run::has_adam_beta2, &Run::adam_beta2),
      NumberColumn("min_learning_rate", "least learning rate", false, Shown::kNumber,
                   &Run::has_min_learning_rate, &Run::min_learning_rate),
      NumberColumn("flops", "flops", false, Shown::kNumber, &Run::has_flops, &Run::flops),
      NumberColumn("loss_nats", "loss", true, Shown::kNumber, &Run::has_loss_nats, &Run::loss_nats),
      MakeColumn<Run>("state", "state", false, true, StateWord,
                      [](const Run& run) { return v1::RunState_Name(run.state()); }),
      TextColumnOf("schedule", "schedule", &Run::schedule),
      TextColumnOf("optimizer", "optimizer", &Run::optimizer),
      MakeColumn<Run>("seed", "seed", true, false, seed, seed),
      MakeColumn<Run>("labels", "labels", false, true, Joined, Joined),
      MakeColumn<Run>("tags", "tags", false, false, Tags, Tags),
      MakeColumn<Run>("curve_point_count", "curve points", true, true, points, points),
      TextColumnOf("source", "source", &Run::source),
      MakeColumn<Run>(
          "create_time", "created", false, false, [](const Run& run) { return TimeText(run.create_time()); },
          [](const Run& run) { return TimeText(run.create_time()); })};
}

}  // namespace sextant::cli
