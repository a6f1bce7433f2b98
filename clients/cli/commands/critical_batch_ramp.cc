// SPDX-License-Identifier: Apache-2.0
// sextant critical-batch ramp: a plan of rising batches by the norm test.
#include <memory>
#include <string>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/critical_batch_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::BatchPlanStage;

struct RampOptions {
  std::string run, study;
  std::optional<double> eta, first, largest, multiple;
  std::optional<std::int64_t> window;
};

std::vector<RecordColumn> StageColumns() {
  using S = BatchPlanStage;
  return {
      MakeColumn<S>(
          "from_tokens", "from tokens", true, true,
          [](const S& row) { return FormatCount(row.from_tokens()); },
          [](const S& row) { return FormatRoundTrip(row.from_tokens()); }),
      MakeColumn<S>(
          "batch_size_tokens", "batch", true, true,
          [](const S& row) { return FormatCount(row.batch_size_tokens()); },
          [](const S& row) { return FormatRoundTrip(row.batch_size_tokens()); }),
      MakeColumn<S>(
          "noise_scale_tokens", "noise scale", true, true,
          [](const S& row) {
            return row.has_noise_scale_tokens() ? FormatCount(row.noise_scale_tokens()) : std::string("-");
          },
          [](const S& row) {
            return row.has_noise_scale_tokens() ? FormatRoundTrip(row.noise_scale_tokens()) : std::string();
          })};
}

int RunRamp(Session& session, const RampOptions& options) {
  v1::PlanBatchByNormTestRequest request;
  request.set_run(ChildName("runs", options.study, options.run));
  if (request.run().empty()) {
    return session.FailUsage("which study is run '" + Safe(options.run) + "' in?",
                             "give --study ID, or the run as STUDY/RUN");
  }
  request.set_eta(*options.eta);
  if (options.first) request.set_first_batch_tokens(*options.first);
  if (options.largest) request.set_largest_batch_tokens(*options.largest);
  if (options.multiple) request.set_multiple_tokens(*options.multiple);
  if (options.window) request.set_window(static_cast<std::int32_t>(*options.window));
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::PlanBatchByNormTestResponse response;
  if (const int code = session.Call(&v1::CriticalBatchService::Stub::PlanBatchByNormTest, request, &response);
      code != kExitOk)
    return code;
  if (WantsJson(session)) return PrintJson(session, response);
  RecordPrinter printer(session, StageColumns(), BatchPlanStage::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const BatchPlanStage& row : response.stages()) printer.Add(row);
  if (const int code = printer.End(); code != kExitOk) return code;
  session.Note(FormatCount(response.steps()) + " steps instead of " +
               FormatCount(response.steps_of_first_batch()) + " at the first batch");
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return kExitOk;
}

}  // namespace

void AddCriticalBatchRamp(CommandTree& tree) {
  CLI::App* noun = tree.Noun("critical-batch");
  auto options = std::make_shared<RampOptions>();
  CLI::App* command = tree.AddCommand(
      noun, "ramp", "rising batches by the norm test, from the noise scales that a run recorded",
      {"sextant critical-batch ramp mine/probe --eta 0.5 --largest 4M --multiple 64K"});
  command
      ->add_option("RUN", options->run,
                   "a run whose curve has gradient_noise_scale: STUDY/RUN, or its id with --study")
      ->required();
  command->add_option("--study", options->study, "the run's study")->type_name("ID");
  AddNumber(command, "--eta", &options->eta, "b_next = max(b, ceil(noise scale / eta^2))")->required();
  AddNumber(command, "--first", &options->first, "tokens per step at the beginning [the run's batch]");
  AddNumber(command, "--largest", &options->largest, "tokens per step at the most");
  AddNumber(command, "--multiple", &options->multiple, "batches are rounded up to multiples of it [1]");
  AddWholeNumber(command, "--window", &options->window, 1, 100'000,
                 "points whose median is the noise scale [1: each as recorded]");
  tree.SetRun(command, [options](Session& session) { return RunRamp(session, *options); });
}

}  // namespace sextant::cli
