// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/plan_print.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"

namespace sextant::cli {
namespace {

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
  if (plan.has_warmup_steps()) rows.emplace_back("warm-up steps", FormatCount(plan.warmup_steps()));
  AddIf(plan.has_critical_batch_size_tokens(), "critical batch (tokens)", plan.critical_batch_size_tokens(),
        true, rows);
  AddIf(plan.has_loss(), "loss", plan.loss(), false, rows);
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

// `plans` side by side, one column per plan; `budgets`: with what each is for, since they differ.
TextTable SideBySide(const std::vector<const v1::Plan*>& plans, bool budgets) {
  std::vector<TextColumn> columns{{""}};
  std::vector<std::string> names;
  std::vector<Rows> all;
  for (const v1::Plan* plan : plans) {
    columns.push_back({.title = Safe(plan->source()), .name = true});
    all.push_back(PlanRows(*plan));
    if (budgets) all.back().insert(all.back().begin(), {"plan for", Safe(plan->constraints())});
    for (const auto& [name, value] : all.back()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  TextTable table(std::move(columns));
  for (const std::string& name : names) {
    std::vector<std::string> row{name};
    for (const Rows& rows : all) {
      const auto found =
          std::find_if(rows.begin(), rows.end(), [&](const auto& pair) { return pair.first == name; });
      row.push_back(found == rows.end() ? "" : found->second);
    }
    table.Add(std::move(row));
  }
  return table;
}

// As many plans side by side as the terminal has room for, the others below them.
void PrintSideBySide(const Session& session, const v1::PlanResponse& response) {
  const auto& plans = response.plans();
  const bool budgets = std::any_of(plans.begin(), plans.end(), [&](const v1::Plan& plan) {
    return plan.constraints() != plans[0].constraints();
  });
  const std::size_t width =
      session.globals().output == OutputFormat::kTable ? session.table_width() : std::size_t{0};
  for (int begin = 0; begin < plans.size();) {
    std::vector<const v1::Plan*> group;
    while (begin < plans.size()) {
      group.push_back(&plans[begin]);
      if (width > 0 && group.size() > 1 && SideBySide(group, budgets).Width() > width) {
        group.pop_back();
        break;
      }
      ++begin;
    }
    PrintTable(session, SideBySide(group, budgets));
    if (begin < plans.size()) std::fputs("\n", stdout);
  }
}

// Warnings, each once, behind the names of the plans that it is about.
void NoteWarnings(const Session& session, const v1::PlanResponse& response) {
  std::vector<std::pair<std::string, std::vector<std::string>>> notes;
  for (const v1::Plan& plan : response.plans()) {
    for (const std::string& warning : plan.warnings()) {
      const auto same =
          std::find_if(notes.begin(), notes.end(), [&](const auto& note) { return note.first == warning; });
      std::vector<std::string>& sources =
          same == notes.end() ? notes.emplace_back(warning, std::vector<std::string>()).second : same->second;
      if (sources.empty() || sources.back() != plan.source()) sources.push_back(plan.source());
    }
  }
  for (const auto& [warning, sources] : notes) {
    std::string names;
    for (const std::string& source : sources) names += (names.empty() ? "" : ", ") + Safe(source);
    session.Note(names + ": " + Safe(warning));
  }
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

// Time against compute.
void PrintTimes(const Session& session, const v1::Plan& plan) {
  if (plan.time_frontier().empty()) return;
  const bool days = plan.time_frontier(0).has_wall_days();
  std::vector<TextColumn> columns = {
      {"BATCH (TOKENS)", true}, {"STEPS", true}, {"TOKENS", true}, {"TRAINING FLOPS", true}};
  if (days) columns.push_back({"DAYS", true});
  TextTable table(std::move(columns));
  for (const v1::TimePoint& point : plan.time_frontier()) {
    std::vector<std::string> row = {FormatCount(point.batch_size_tokens()), FormatCount(point.steps()),
                                    FormatCount(point.tokens()), FormatNumber(point.flops())};
    if (days) row.push_back(FormatNumber(point.wall_days()));
    table.Add(std::move(row));
  }
  std::fputs("\nThe same loss at other batches (time against compute)\n\n", stdout);
  PrintTable(session, table);
}

void PrintRamp(const Session& session, const v1::BatchRamp& ramp) {
  TextTable table({{"FROM TOKENS", true},
                   {"TO TOKENS", true},
                   {"BATCH (TOKENS)", true},
                   {"LEARNING RATE", true},
                   {"STEPS", true},
                   {"LOSS", true},
                   {"CRITICAL BATCH", true}});
  for (const v1::RampStage& stage : ramp.stages()) {
    table.Add({FormatCount(stage.from_tokens()), FormatCount(stage.to_tokens()),
               FormatCount(stage.batch_size_tokens()),
               stage.learning_rate() > 0 ? FormatNumber(stage.learning_rate()) : "-",
               FormatCount(stage.steps()), FormatNumber(stage.loss()),
               FormatCount(stage.critical_batch_size_tokens())});
  }
  std::fputs("\nBatch ramp\n\n", stdout);
  PrintTable(session, table);
  std::printf("\n%s steps in all, %s %% fewer than at the first batch throughout\n",
              FormatCount(ramp.steps()).c_str(), FormatNumber(100 * ramp.steps_saved_share(), 3).c_str());
  for (const std::string& warning : ramp.warnings()) session.Note("ramp: " + Safe(warning));
}

// One row a plan and number.
int PrintDelimited(const Session& session, const v1::PlanResponse& response, char delimiter) {
  std::string out = DelimitedLine({"source", "constraints", "quantity", "value", "low", "high"}, delimiter);
  for (const v1::Plan& plan : response.plans()) {
    const auto add = [&](const char* name, const v1::Quantity& q) {
      out += DelimitedLine(
          {plan.source(), plan.constraints(), name, FormatRoundTrip(q.value()),
           q.has_low() ? FormatRoundTrip(q.low()) : "", q.has_high() ? FormatRoundTrip(q.high()) : ""},
          delimiter);
    };
    const auto add_number = [&](const char* name, bool known, double value) {
      v1::Quantity quantity;
      quantity.set_value(value);
      if (known) add(name, quantity);
    };
    add("params", plan.params());
    add("tokens", plan.tokens());
    add("tokens_per_param", plan.tokens_per_param());
    if (plan.has_loss()) add("loss", plan.loss());
    if (plan.has_batch_size_tokens()) add("batch_size_tokens", plan.batch_size_tokens());
    if (plan.has_learning_rate()) add("learning_rate", plan.learning_rate());
    if (plan.has_critical_batch_size_tokens())
      add("critical_batch_size_tokens", plan.critical_batch_size_tokens());
    if (plan.has_weight_decay()) add("weight_decay", plan.weight_decay());
    if (plan.has_adam_beta2()) add("adam_beta2", plan.adam_beta2());
    add_number("flops", true, plan.flops());
    add_number("inference_flops", plan.has_inference_flops(), plan.inference_flops());
    add_number("steps", plan.has_steps(), plan.steps());
    add_number("gpu_hours", plan.has_gpu_hours(), plan.gpu_hours());
    add_number("wall_days", plan.has_wall_days(), plan.wall_days());
    add_number("epochs", plan.has_epochs(), plan.epochs());
    add_number("valley_params_low", plan.has_valley(), plan.valley().params_low());
    add_number("valley_params_high", plan.has_valley(), plan.valley().params_high());
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return FlushStdout(session);
}

// What a plan rests on, in words.
std::string PlanExplanation(const v1::PlanResponse& response) {
  const v1::Plan& first = response.plans(0);
  std::string text = "Plan for " + Safe(first.constraints()) + "\n";
  text += "N and D are ";
  text += first.basis() == "allocation"
              ? "those of least loss at this compute, read off runs of equal budgets; C is counted " +
                    Safe(first.flops_count())
              : "where the law of the loss is least at this compute, C = 6 N D";
  if (!first.fits().empty() || !first.laws().empty()) {
    text += "; batch and rate by";
    bool more = false;
    for (const auto* names : {&first.fits(), &first.laws()}) {
      for (const std::string& name : *names) {
        text += (more ? ", " : " ") + Safe(name);
        more = true;
      }
    }
  }
  return text + "\n[low, high] are intervals over the fit's replicates\n\n";
}

}  // namespace

void PrintShapes(const Session& session, const google::protobuf::RepeatedPtrField<v1::ModelShape>& shapes) {
  if (shapes.empty()) return;
  const bool experts = shapes[0].experts() > 1;
  std::vector<TextColumn> columns = {
      {"LAYERS", true}, {"WIDTH", true}, {"HEADS", true}, {"KV HEADS", true}, {"FF WIDTH", true}};
  if (experts) columns.push_back({"EXPERTS", true});
  for (const char* title : {"NON-EMBEDDING", "WITH HEAD", "TOTAL", "ACTIVE", "FLOPS PER TOKEN", "OFF"}) {
    columns.push_back({title, true});
  }
  TextTable table(std::move(columns));
  for (const v1::ModelShape& shape : shapes) {
    std::vector<std::string> row = {std::to_string(shape.layers()), std::to_string(shape.width()),
                                    std::to_string(shape.heads()), std::to_string(shape.key_heads()),
                                    std::to_string(shape.ff_width())};
    if (experts) {
      row.push_back(std::to_string(shape.active_experts()) + " of " + std::to_string(shape.experts()) +
                    (shape.shared_experts() > 0 ? " + " + std::to_string(shape.shared_experts()) : ""));
    }
    for (const double count : {shape.params_non_embedding(), shape.params_non_input_embedding(),
                               shape.params_total(), shape.params_active()}) {
      row.push_back(FormatRoundTrip(count));
    }
    row.push_back(FormatNumber(shape.flops_per_token()));
    row.push_back(FormatNumber(100 * shape.relative_distance(), 3) + " %");
    table.Add(std::move(row));
  }
  PrintTable(session, table);
}

int PrintPlans(const Session& session, const v1::PlanResponse& response) {
  if (WantsJson(session)) return PrintJson(session, response);
  const OutputFormat format = session.globals().output;
  if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    return PrintDelimited(session, response, format == OutputFormat::kTsv ? '\t' : ',');
  }
  if (response.plans_size() > 0) std::fputs(PlanExplanation(response).c_str(), stdout);
  PrintSideBySide(session, response);
  if (response.plans_size() == 1) {
    const v1::Plan& plan = response.plans(0);
    PrintFrontier(session, plan);
    PrintTimes(session, plan);
    if (plan.has_ramp()) PrintRamp(session, plan.ramp());
    if (!plan.shapes().empty()) std::fputs("\nShapes near this size\n\n", stdout);
    PrintShapes(session, plan.shapes());
  }
  NoteWarnings(session, response);
  for (const v1::Unanswered& unanswered : response.unanswered()) session.Note(Safe(unanswered.reason()));
  return FlushStdout(session);
}

}  // namespace sextant::cli
