// SPDX-License-Identifier: Apache-2.0
// sextant critical-batch steps: steps to a goal of any metric, by batch.
#include <memory>
#include <string>
#include <vector>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/data_table.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/critical_batch_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::StepsToGoalGroup;

struct StepsOptions {
  std::string study, where, table, batch, steps;
  std::vector<std::string> group_by;
  std::optional<double> interval;
  std::optional<std::int64_t> seed;
};

std::string StepsGroupText(const StepsToGoalGroup& row) {
  std::string text;
  for (const auto& [name, value] :
       std::map<std::string, std::string>(row.group().begin(), row.group().end())) {
    text += (text.empty() ? "" : ", ") + name + " = " + value;
  }
  return text.empty() ? "all" : text;
}

RecordColumn IntervalColumn(const char* name, const char* title, bool (StepsToGoalGroup::*has)() const,
                            const v1::BatchInterval& (StepsToGoalGroup::*get)() const) {
  return MakeColumn<StepsToGoalGroup>(
      name, title, true, true,
      [=](const StepsToGoalGroup& row) {
        if (!(row.*has)()) return std::string("-");
        const v1::BatchInterval& value = (row.*get)();
        return FormatCount(value.value()) + " [" + FormatCount(value.low()) + ", " +
               FormatCount(value.high()) + "]";
      },
      [=](const StepsToGoalGroup& row) {
        return (row.*has)() ? FormatRoundTrip((row.*get)().value()) : std::string();
      });
}

RecordColumn LimitColumn(const char* name, const char* title, bool (StepsToGoalGroup::*has)() const,
                         double (StepsToGoalGroup::*get)() const) {
  return MakeColumn<StepsToGoalGroup>(
      name, title, true, true,
      [=](const StepsToGoalGroup& row) {
        return (row.*has)() ? FormatCount((row.*get)()) : std::string("-");
      },
      [=](const StepsToGoalGroup& row) {
        return (row.*has)() ? FormatRoundTrip((row.*get)()) : std::string();
      });
}

std::vector<RecordColumn> StepsColumns() {
  using G = StepsToGoalGroup;
  return {MakeColumn<G>("group", "group", false, true, StepsGroupText, StepsGroupText),
          MakeColumn<G>(
              "points", "points", true, true, [](const G& row) { return std::to_string(row.points()); },
              [](const G& row) { return std::to_string(row.points()); }),
          IntervalColumn("critical_batch", "critical batch", &G::has_critical_batch, &G::critical_batch),
          IntervalColumn("min_steps", "fewest steps", &G::has_min_steps, &G::min_steps),
          IntervalColumn("min_examples", "fewest examples", &G::has_min_examples, &G::min_examples),
          LimitColumn("perfect_to", "perfect scaling to", &G::has_perfect_to, &G::perfect_to),
          LimitColumn("maximum_from", "no gain from", &G::has_maximum_from, &G::maximum_from),
          IntervalColumn("fewest_gradients_batch", "fewest gradients at", &G::has_fewest_gradients_batch,
                         &G::fewest_gradients_batch),
          MakeColumn<G>(
              "reason", "no answer", false, true, [](const G& row) { return row.reason(); },
              [](const G& row) { return row.reason(); })};
}

int RunSteps(Session& session, const StepsOptions& options) {
  v1::AnalyzeStepsToGoalRequest request;
  if (options.study.empty() == options.table.empty())
    return session.FailUsage("give one --study or one --table");
  if (!options.study.empty()) request.set_parent(StudyName(options.study));
  if (!options.table.empty()) {
    if (const int code = ReadDataTable(session, options.table, {}, request.mutable_table()); code != kExitOk)
      return code;
  }
  request.set_filter(options.where);
  request.set_batch(options.batch);
  request.set_steps(options.steps);
  for (const std::string& name : options.group_by) request.add_group_by(name);
  if (options.interval) request.set_interval(*options.interval);
  if (options.seed) request.set_seed(*options.seed);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::AnalyzeStepsToGoalResponse response;
  if (const int code = session.Call(&v1::CriticalBatchService::Stub::AnalyzeStepsToGoal, request, &response);
      code != kExitOk) {
    return code;
  }
  if (WantsJson(session)) return PrintJson(session, response);
  RecordPrinter printer(session, StepsColumns(), StepsToGoalGroup::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const StepsToGoalGroup& row : response.groups()) printer.Add(row);
  if (const int code = printer.End(); code != kExitOk) return code;
  for (const StepsToGoalGroup& row : response.groups()) {
    for (const std::string& warning : row.warnings())
      session.Note(Safe(StepsGroupText(row)) + ": " + Safe(warning));
  }
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return kExitOk;
}

}  // namespace

void AddCriticalBatchSteps(CommandTree& tree) {
  CLI::App* noun = tree.Noun("critical-batch");
  auto options = std::make_shared<StepsOptions>();
  CLI::App* command = tree.AddCommand(
      noun, "steps", "from steps to a fixed goal of any metric, for each optimizer and workload",
      {"sextant critical-batch steps --table steps.csv --batch batch_size --steps steps_to_goal --group-by "
       "workload "
       "--group-by optimizer",
       "sextant critical-batch steps --study mnist --batch batch --group-by tags.model --where 'error_rate "
       "<= 0.02'"});
  command->add_option("--study", options->study, "runs that reached the goal")->type_name("ID");
  command->add_option("--where", options->where, "which runs reached it; all finished ones if not given")
      ->type_name("FILTER");
  command->add_option("--table", options->table, "a CSV or TSV file in the place of a study")
      ->type_name("FILE");
  command->add_option("--batch", options->batch, "the column of the batch [batch_size_tokens]")
      ->type_name("NAME");
  command->add_option("--steps", options->steps, "the column of the steps to the goal [steps]")
      ->type_name("NAME");
  command
      ->add_option("--group-by", options->group_by,
                   "what tells groups apart: optimizer, schedule, tags.KEY, a variable or a column; may be "
                   "given again "
                   "[optimizer]")
      ->type_name("NAME")
      ->allow_extra_args(false);
  AddNumber(command, "--interval", &options->interval, "coverage of the intervals [0.9]");
  AddWholeNumber(command, "--seed", &options->seed, 0, INT64_MAX, "of the intervals [1]");
  tree.SetRun(command, [options](Session& session) { return RunSteps(session, *options); });
}

}  // namespace sextant::cli
