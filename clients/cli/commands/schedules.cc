// SPDX-License-Identifier: Apache-2.0
// sextant schedules compare: losses of learning-rate schedules side by side.
#include <memory>
#include <string>
#include <vector>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/schedule_words.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/curve_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::ScheduleOutcome;

struct CompareSchedulesOptions {
  std::string fit, study, law;
  std::vector<std::string> schedules;
  bool best_decay = false;
  std::optional<double> interval;
};

std::vector<RecordColumn> OutcomeColumns() {
  return {
      MakeColumn<ScheduleOutcome>(
          "schedule", "schedule", false, true,
          [](const ScheduleOutcome& row) {
            return ScheduleText(row.schedule()) + (row.found() ? " (best decay)" : "");
          },
          [](const ScheduleOutcome& row) { return ScheduleText(row.schedule()); }),
      MakeColumn<ScheduleOutcome>(
          "loss", "loss at the end", true, true,
          [](const ScheduleOutcome& row) { return FormatNumber(row.loss().value(), 6); },
          [](const ScheduleOutcome& row) { return FormatRoundTrip(row.loss().value()); }),
      MakeColumn<ScheduleOutcome>(
          "rank", "rank", true, true, [](const ScheduleOutcome& row) { return std::to_string(row.rank()); },
          [](const ScheduleOutcome& row) { return std::to_string(row.rank()); })};
}

int RunCompareSchedules(Session& session, const CompareSchedulesOptions& options) {
  v1::CompareSchedulesRequest request;
  if (options.fit.empty() == options.law.empty()) return session.FailUsage("give one --fit or one --law");
  request.set_source(options.law.empty() ? ChildName("fits", options.study, options.fit) : options.law);
  if (request.source().empty()) {
    return session.FailUsage("which study is fit '" + Safe(options.fit) + "' in?",
                             "give --study ID, or the fit as STUDY/FIT");
  }
  for (const std::string& text : options.schedules) {
    if (const int code = ReadSchedule(session, text, request.add_schedules()); code != kExitOk) return code;
  }
  request.set_best_decay(options.best_decay);
  if (options.interval) request.set_interval(*options.interval);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::CompareSchedulesResponse response;
  if (const int code = session.Call(&v1::CurveService::Stub::CompareSchedules, request, &response);
      code != kExitOk)
    return code;
  if (WantsJson(session)) return PrintJson(session, response);
  RecordPrinter printer(session, OutcomeColumns(), ScheduleOutcome::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const ScheduleOutcome& row : response.outcomes()) printer.Add(row);
  if (const int code = printer.End(); code != kExitOk) return code;
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return kExitOk;
}

}  // namespace

void AddSchedules(CommandTree& tree) {
  CLI::App* noun = tree.Noun("schedules");
  auto options = std::make_shared<CompareSchedulesOptions>();
  CLI::App* command =
      tree.AddCommand(noun, "compare", "the loss at the end of several schedules, by a law of whole curves",
                      {"sextant schedules compare --fit mine/mpl-1 --schedule "
                       "cosine:peak=3e-4,steps=24000,warmup=2160,final=3e-5 "
                       "--schedule wsd:peak=3e-4,steps=24000,warmup=2160,decay=0.2",
                       "sextant schedules compare --law mpl-25m --schedule "
                       "constant:peak=3e-4,steps=24000,warmup=2160 --best-decay"});
  command->add_option("--fit", options->fit, "a fit of mpl or tissue: STUDY/FIT, or its id with --study")
      ->type_name("NAME");
  command->add_option("--study", options->study, "the fit's study")->type_name("ID");
  command->add_option("--law", options->law, "a published law of schedules in its place")->type_name("ID");
  command->add_option("--schedule", options->schedules, std::string("may be given again: ") + kScheduleForm)
      ->type_name("SCHEDULE")
      ->allow_extra_args(false)
      ->required();
  command->add_flag("--best-decay", options->best_decay,
                    "also find, for each length, the final decay with the least loss");
  AddNumber(command, "--interval", &options->interval, "coverage of the intervals [0.9]");
  tree.SetRun(command, [options](Session& session) { return RunCompareSchedules(session, *options); });
}

}  // namespace sextant::cli
