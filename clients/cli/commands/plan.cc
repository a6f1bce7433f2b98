// SPDX-License-Identifier: Apache-2.0
// sextant plan: from a budget to a whole recipe.
#include <algorithm>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/sources.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"
#include "sextant/v1/planning_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct PlanOptions {
  std::optional<double> flops, gpus, days, gpu_flops, mfu, target_loss, params, tokens;
  std::optional<double> max_params, unique_tokens, inference_tokens, overtrain, max_batch, interval,
      tolerance;
  SourceOptions sources;
};

std::string Interval(const v1::Quantity& quantity, bool count) {
  const auto low = quantity.has_low() ? std::optional(quantity.low()) : std::nullopt;
  const auto high = quantity.has_high() ? std::optional(quantity.high()) : std::nullopt;
  const std::string value = count ? FormatCount(quantity.value()) : FormatNumber(quantity.value());
  const std::string interval = FormatInterval(low, high, count);
  return interval.empty() ? value : value + "  " + interval;
}

using Rows = std::vector<std::pair<std::string, std::string>>;

void AddIf(bool known, const char* name, const v1::Quantity& quantity, bool count, Rows& rows) {
  if (known) rows.emplace_back(name, Interval(quantity, count));
}

/// One plan as name and value, in the order in which people ask.
Rows PlanRows(const v1::Plan& plan) {
  Rows rows;
  rows.emplace_back("parameters", Interval(plan.params(), true));
  rows.emplace_back("tokens", Interval(plan.tokens(), true));
  rows.emplace_back("tokens per parameter", Interval(plan.tokens_per_param(), false));
  AddIf(plan.has_batch_size_tokens(), "batch (tokens)", plan.batch_size_tokens(), true, rows);
  if (plan.has_learning_rate()) {
    rows.emplace_back("peak learning rate",
                      Interval(plan.learning_rate(), false) +
                          (plan.rate_kind().empty() ? "" : "  (" + Safe(plan.rate_kind()) + ")"));
  }
  AddIf(plan.has_weight_decay(), "weight decay", plan.weight_decay(), false, rows);
  AddIf(plan.has_adam_beta2(), "beta2", plan.adam_beta2(), false, rows);
  if (plan.has_steps()) rows.emplace_back("steps", FormatCount(plan.steps()));
  AddIf(plan.has_critical_batch_size_tokens(), "critical batch (tokens)", plan.critical_batch_size_tokens(),
        true, rows);
  rows.emplace_back("loss", Interval(plan.loss(), false));
  rows.emplace_back("training FLOPs", FormatNumber(plan.flops()));
  if (plan.has_inference_flops()) rows.emplace_back("inference FLOPs", FormatNumber(plan.inference_flops()));
  if (plan.has_gpu_hours()) rows.emplace_back("GPU hours", FormatCount(plan.gpu_hours()));
  if (plan.has_wall_days()) rows.emplace_back("days", FormatNumber(plan.wall_days()));
  if (plan.has_epochs()) rows.emplace_back("epochs", FormatNumber(plan.epochs()));
  if (plan.has_valley()) {
    rows.emplace_back(
        "sizes within " + FormatNumber(100 * plan.valley().tolerance(), 3) + " %",
        FormatCount(plan.valley().params_low()) + " to " + FormatCount(plan.valley().params_high()));
  }
  return rows;
}

// Plans side by side, a column per source.
void PrintPlans(const Session& session, const v1::PlanResponse& response) {
  std::vector<TextColumn> columns{{""}};
  std::vector<std::string> names;
  std::vector<Rows> plans;
  for (const v1::Plan& plan : response.plans()) {
    columns.push_back({Safe(plan.source())});
    plans.push_back(PlanRows(plan));
    for (const auto& [name, value] : plans.back()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  TextTable table(columns);
  for (const std::string& name : names) {
    std::vector<std::string> row{name};
    for (const Rows& rows : plans) {
      const auto found =
          std::find_if(rows.begin(), rows.end(), [&](const auto& pair) { return pair.first == name; });
      row.push_back(found == rows.end() ? "" : found->second);
    }
    table.Add(std::move(row));
  }
  PrintTable(session, table);
}

// Loss against size at the plan's budget, for a single plan.
void PrintFrontier(const Session& session, const v1::Plan& plan) {
  TextTable table({{"PARAMETERS", true}, {"TOKENS", true}, {"TOKENS PER PARAMETER", true}, {"LOSS", true}});
  for (const v1::FrontierPoint& point : plan.frontier()) {
    table.Add({FormatCount(point.params()), FormatCount(point.tokens()),
               FormatNumber(point.tokens() / point.params()), FormatNumber(point.loss(), 5)});
  }
  if (table.empty()) return;
  std::fputs("\nOther sizes at the same FLOPs\n\n", stdout);
  PrintTable(session, table);
}

int Print(const Session& session, const v1::PlanResponse& response) {
  if (WantsJson(session)) return PrintJson(session, response);
  PrintPlans(session, response);
  if (response.plans_size() == 1) PrintFrontier(session, response.plans(0));
  for (const v1::Plan& plan : response.plans()) {
    for (const std::string& warning : plan.warnings())
      session.Note(Safe(plan.source()) + ": " + Safe(warning));
  }
  for (const v1::Unanswered& unanswered : response.unanswered()) session.Note(Safe(unanswered.reason()));
  return FlushStdout(session);
}

int RunPlan(Session& session, const PlanOptions& options) {
  v1::PlanRequest request;
  const auto set = [&](const std::optional<double>& value, void (v1::PlanRequest::*setter)(double)) {
    if (value) (request.*setter)(*value);
  };
  set(options.flops, &v1::PlanRequest::set_flops);
  set(options.gpus, &v1::PlanRequest::set_gpus);
  set(options.days, &v1::PlanRequest::set_days);
  set(options.gpu_flops, &v1::PlanRequest::set_gpu_flops_per_second);
  set(options.mfu, &v1::PlanRequest::set_utilisation);
  set(options.target_loss, &v1::PlanRequest::set_target_loss);
  set(options.params, &v1::PlanRequest::set_params);
  set(options.tokens, &v1::PlanRequest::set_tokens);
  set(options.max_params, &v1::PlanRequest::set_max_params);
  set(options.unique_tokens, &v1::PlanRequest::set_unique_tokens);
  set(options.inference_tokens, &v1::PlanRequest::set_inference_tokens);
  set(options.overtrain, &v1::PlanRequest::set_overtrain);
  set(options.max_batch, &v1::PlanRequest::set_max_batch_size_tokens);
  set(options.interval, &v1::PlanRequest::set_interval);
  set(options.tolerance, &v1::PlanRequest::set_tolerance);
  if (const int code = SetSources(session, options.sources, &request); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::PlanResponse response;
  const int code = session.Call(&v1::PlanningService::Stub::Plan, request, &response);
  return code != kExitOk ? code : Print(session, response);
}

}  // namespace

void AddPlan(CommandTree& tree) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* command =
      tree.AddCommand(nullptr, "plan", "from a budget to a recipe: parameters, tokens, batch, learning rate",
                      {"sextant plan --flops 1e21", "sextant plan --flops 1e21 --study mine",
                       "sextant plan --gpus 64 --days 30 --gpu-flops 989e12 --mfu 0.4 --law chinchilla-epoch",
                       "sextant plan --target-loss 2.2 --inference-tokens 2T --law chinchilla-epoch",
                       "sextant plan --flops 1e22 --unique-tokens 25B --law muennighoff",
                       "sextant plan --params 7B --study mine"});
  AddNumber(command, "--flops", &options->flops,
            "training FLOPs; with --inference-tokens, those of inference too");
  AddNumber(command, "--gpus", &options->gpus, "GPUs; with --days, --gpu-flops and --mfu a budget");
  AddNumber(command, "--days", &options->days, "days of wall time");
  AddNumber(command, "--gpu-flops", &options->gpu_flops, "peak of one GPU in FLOP/s (H100, BF16: 989e12)");
  AddNumber(command, "--mfu", &options->mfu, "share of the peak that training reaches (0.4 is 40 %)");
  AddNumber(command, "--target-loss", &options->target_loss, "the cheapest run that reaches this loss");
  AddNumber(command, "--params", &options->params, "N is given");
  AddNumber(command, "--tokens", &options->tokens, "D is given");
  AddNumber(command, "--max-params", &options->max_params, "the largest N that fits");
  AddNumber(command, "--unique-tokens", &options->unique_tokens, "more tokens than these are repeats");
  AddNumber(command, "--inference-tokens", &options->inference_tokens,
            "tokens that the model will serve: 2 N FLOPs each");
  AddNumber(command, "--overtrain", &options->overtrain,
            "tokens per parameter, as a multiple of the optimum's");
  AddNumber(command, "--max-batch-tokens", &options->max_batch, "the largest batch that the devices allow");
  AddSources(command, &options->sources);
  AddNumber(command, "--interval", &options->interval, "coverage of the intervals [0.9]");
  AddNumber(command, "--tolerance", &options->tolerance,
            "relative excess loss that bounds the valley of sizes [0.0025]");
  tree.SetRun(command, [options](Session& session) { return RunPlan(session, *options); });
}

}  // namespace sextant::cli
