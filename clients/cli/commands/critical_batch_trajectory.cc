// SPDX-License-Identifier: Apache-2.0
// sextant critical-batch trajectory: a law of whole trajectories both ways.
#include <memory>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/number_pairs.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/critical_batch_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::TrajectoryAnswer;

struct TrajectoryOptions {
  std::string fit, study, law, params;
  std::vector<std::string> losses, steps, batches, parameters;
  std::optional<double> interval;
};

RecordColumn AnswerColumn(const char* name, const char* title, bool is_count,
                          bool (TrajectoryAnswer::*has)() const,
                          const v1::BatchInterval& (TrajectoryAnswer::*get)() const) {
  return MakeColumn<TrajectoryAnswer>(
      name, title, true, true,
      [=](const TrajectoryAnswer& row) {
        if (!(row.*has)()) return std::string("-");
        const v1::BatchInterval& at = (row.*get)();
        const auto text = [is_count](double value) {
          return is_count ? FormatCount(value) : FormatNumber(value, 5);
        };
        if (!(at.high() > at.low())) return text(at.value());
        return text(at.value()) + " [" + text(at.low()) + ", " + text(at.high()) + "]";
      },
      [=](const TrajectoryAnswer& row) {
        return (row.*has)() ? FormatRoundTrip((row.*get)().value()) : std::string();
      });
}

std::vector<RecordColumn> AnswerColumns() {
  using A = TrajectoryAnswer;
  return {AnswerColumn("loss", "loss", false, &A::has_loss, &A::loss),
          AnswerColumn("batch_size_tokens", "batch", true, &A::has_batch_size_tokens, &A::batch_size_tokens),
          AnswerColumn("steps", "steps", true, &A::has_steps, &A::steps),
          AnswerColumn("tokens", "tokens", true, &A::has_tokens, &A::tokens),
          AnswerColumn("critical_batch", "critical batch", true, &A::has_critical_batch, &A::critical_batch),
          AnswerColumn("min_steps", "fewest steps", true, &A::has_min_steps, &A::min_steps),
          AnswerColumn("min_tokens", "fewest tokens", true, &A::has_min_tokens, &A::min_tokens),
          MakeColumn<A>(
              "reason", "no answer", false, true, [](const A& row) { return row.reason(); },
              [](const A& row) { return row.reason(); })};
}

int ReadNumbers(const Session& session, const char* option, const std::vector<std::string>& texts,
                google::protobuf::RepeatedField<double>* into) {
  for (const std::string& text : texts) {
    const auto number = ParseNumber(text);
    if (!number) return session.FailUsage(std::string(option) + ": '" + Safe(text) + "' is not a number");
    into->Add(*number);
  }
  return kExitOk;
}

int RunTrajectory(Session& session, const TrajectoryOptions& options) {
  v1::AnswerTrajectoryRequest request;
  if (options.fit.empty() == options.law.empty()) return session.FailUsage("give one --fit or one --law");
  request.set_source(options.law.empty() ? ChildName("fits", options.study, options.fit) : options.law);
  if (request.source().empty()) {
    return session.FailUsage("which study is fit '" + Safe(options.fit) + "' in?",
                             "give --study ID, or the fit as STUDY/FIT");
  }
  const auto params = ParseNumber(options.params);
  if (!params) return session.FailUsage("--params: '" + Safe(options.params) + "' is not a number");
  request.set_params(*params);
  if (const int code = ReadNumbers(session, "--loss", options.losses, request.mutable_losses());
      code != kExitOk)
    return code;
  if (const int code = ReadNumbers(session, "--steps", options.steps, request.mutable_steps());
      code != kExitOk)
    return code;
  if (const int code =
          ReadNumbers(session, "--batch-tokens", options.batches, request.mutable_batch_sizes_tokens());
      code != kExitOk)
    return code;
  if (const int code = AddNumberPairs(session, options.parameters, "--parameter", "NAME", "",
                                      request.mutable_parameters());
      code != kExitOk)
    return code;
  if (options.interval) request.set_interval(*options.interval);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::AnswerTrajectoryResponse response;
  if (const int code = session.Call(&v1::CriticalBatchService::Stub::AnswerTrajectory, request, &response);
      code != kExitOk)
    return code;
  if (WantsJson(session)) return PrintJson(session, response);
  RecordPrinter printer(session, AnswerColumns(), TrajectoryAnswer::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const TrajectoryAnswer& row : response.answers()) printer.Add(row);
  if (const int code = printer.End(); code != kExitOk) return code;
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return kExitOk;
}

}  // namespace

void AddCriticalBatchTrajectory(CommandTree& tree) {
  CLI::App* noun = tree.Noun("critical-batch");
  auto options = std::make_shared<TrajectoryOptions>();
  CLI::App* command = tree.AddCommand(
      noun, "trajectory",
      "the loss after steps, and the steps, tokens and critical batch of a loss, by L(N, S, B)",
      {"sextant critical-batch trajectory --fit mine/loss-trajectory-1 --params 3e8 --loss 2.9 "
       "--batch-tokens 512K",
       "sextant critical-batch trajectory --fit mine/loss-trajectory-1 --params 3e8 --steps 30000 "
       "--batch-tokens "
       "512K --batch-tokens 2M"});
  command->add_option("--fit", options->fit, "a fit of loss-trajectory: STUDY/FIT, or its id with --study")
      ->type_name("NAME");
  command->add_option("--study", options->study, "the fit's study")->type_name("ID");
  command->add_option("--law", options->law, "a law of trajectories in its place, with --parameter")
      ->type_name("ID");
  command
      ->add_option("--parameter", options->parameters,
                   "a constant of the law that has no published value; may be "
                   "given again")
      ->type_name("NAME=NUMBER")
      ->allow_extra_args(false);
  command->add_option("--params", options->params, "N, counted as the fit counts it")
      ->type_name("N")
      ->required();
  command->add_option("--loss", options->losses, "a loss that is wanted; may be given again")
      ->type_name("LOSS")
      ->allow_extra_args(false);
  command->add_option("--steps", options->steps, "steps that are taken; may be given again")
      ->type_name("STEPS")
      ->allow_extra_args(false);
  command
      ->add_option("--batch-tokens", options->batches,
                   "tokens per step [the critical batch of each loss]; may be given again")
      ->type_name("TOKENS")
      ->allow_extra_args(false);
  AddNumber(command, "--interval", &options->interval, "coverage of the intervals [0.9]");
  tree.SetRun(command, [options](Session& session) { return RunTrajectory(session, *options); });
}

}  // namespace sextant::cli
