// SPDX-License-Identifier: Apache-2.0
// sextant critical-batch score: AlgoPerf's score of submissions over workloads.
#include <memory>
#include <string>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/data_table.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/critical_batch_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::SubmissionScore;

struct ScoreOptions {
  std::string table, workload, submission, time;
  std::optional<double> r_max;
};

std::string RatiosText(const SubmissionScore& row) {
  std::string text;
  for (const v1::WorkloadTime& workload : row.workloads()) {
    text += (text.empty() ? "" : ", ") + workload.workload() + " " +
            (workload.has_ratio() ? FormatNumber(workload.ratio(), 4) : std::string("never"));
  }
  return text;
}

std::vector<RecordColumn> SubmissionColumns() {
  using S = SubmissionScore;
  return {MakeColumn<S>(
              "submission", "submission", false, true, [](const S& row) { return row.submission(); },
              [](const S& row) { return row.submission(); }),
          MakeColumn<S>(
              "score", "score", true, true, [](const S& row) { return FormatNumber(row.score(), 4); },
              [](const S& row) { return FormatRoundTrip(row.score()); }),
          MakeColumn<S>("workloads", "time over the fastest", false, true, RatiosText, RatiosText)};
}

int RunScore(Session& session, const ScoreOptions& options) {
  v1::ScoreSubmissionsRequest request;
  if (const int code = ReadDataTable(session, options.table, {}, request.mutable_table()); code != kExitOk)
    return code;
  request.set_workload(options.workload);
  request.set_submission(options.submission);
  request.set_time(options.time);
  if (options.r_max) request.set_r_max(*options.r_max);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ScoreSubmissionsResponse response;
  if (const int code = session.Call(&v1::CriticalBatchService::Stub::ScoreSubmissions, request, &response);
      code != kExitOk)
    return code;
  if (WantsJson(session)) return PrintJson(session, response);
  RecordPrinter printer(session, SubmissionColumns(), SubmissionScore::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const SubmissionScore& row : response.submissions()) printer.Add(row);
  return printer.End();
}

}  // namespace

void AddCriticalBatchScore(CommandTree& tree) {
  CLI::App* noun = tree.Noun("critical-batch");
  auto options = std::make_shared<ScoreOptions>();
  CLI::App* command = tree.AddCommand(
      noun, "score", "AlgoPerf's score of optimizers over workloads, from their times to a goal",
      {"sextant critical-batch score --table times.csv --submission optimizer --time steps",
       "sextant -o json critical-batch score --table times.csv --r-max 4"});
  command
      ->add_option("--table", options->table,
                   "a CSV or TSV file, a row for each trial; an empty time: not reached")
      ->type_name("FILE")
      ->required();
  command->add_option("--workload", options->workload, "the column of the workload [workload]")
      ->type_name("NAME");
  command->add_option("--submission", options->submission, "the column of what is scored [submission]")
      ->type_name("NAME");
  command->add_option("--time", options->time, "the column of the time to the goal, of any unit [time]")
      ->type_name("NAME");
  AddNumber(command, "--r-max", &options->r_max, "up to where the performance profile is integrated [4]");
  tree.SetRun(command, [options](Session& session) { return RunScore(session, *options); });
}

}  // namespace sextant::cli
