// SPDX-License-Identifier: Apache-2.0
// sextant fits floor: how much a projection moves with the floor of a loss law.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"
#include "sextant/v1/planning_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct FloorOptions {
  std::string fit, study;
  std::optional<double> params, tokens, confidence;
  std::optional<std::int64_t> points;
};

int RunFloor(Session& session, const FloorOptions& options) {
  v1::ProfileFloorRequest request;
  request.set_name(ChildName("fits", options.study, options.fit));
  if (request.name().empty()) {
    return session.FailUsage("which study is fit '" + Safe(options.fit) + "' in?",
                             "give --study ID, or the fit as STUDY/FIT or studies/STUDY/fits/FIT");
  }
  if (!options.params || !options.tokens) {
    return session.FailUsage("--params and --tokens are required", "they say where the loss is projected to");
  }
  request.set_params(*options.params);
  request.set_tokens(*options.tokens);
  if (options.confidence) request.set_confidence(*options.confidence);
  if (options.points) request.set_points(*options.points);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ProfileFloorResponse response;
  if (const int code = session.Call(&v1::PlanningService::Stub::ProfileFloor, request, &response);
      code != kExitOk) {
    return code;
  }
  if (WantsJson(session)) return PrintJson(session, response);
  std::printf("Floor E = %s  %s\nLoss at the target = %s  %s\n\n", FormatNumber(response.floor(), 5).c_str(),
              FormatInterval(response.floor_low(), response.floor_high(), false).c_str(),
              FormatNumber(response.loss(), 5).c_str(),
              FormatInterval(response.loss_low(), response.loss_high(), false).c_str());
  TextTable table(
      {{"FLOOR", true}, {"OBJECTIVE", true}, {"DEVIANCE", true}, {"LOSS AT TARGET", true}, {"INSIDE"}});
  for (const v1::FloorPoint& point : response.points()) {
    table.Add({FormatNumber(point.floor(), 5), FormatNumber(point.objective(), 5),
               FormatNumber(point.deviance(), 3), FormatNumber(point.loss(), 5),
               point.inside() ? "yes" : ""});
  }
  PrintTable(session, table);
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return FlushStdout(session);
}

}  // namespace

void AddFitsFloor(CommandTree& tree) {
  auto options = std::make_shared<FloorOptions>();
  CLI::App* command =
      tree.AddCommand(tree.Noun("fits"), "floor",
                      "how much a projection moves with the floor of a loss law that fits as well",
                      {"sextant fits floor mine/chinchilla --params 70B --tokens 1.4T"});
  command->add_option("FIT", options->fit, "its name, or its id with --study, or STUDY/FIT")->required();
  command->add_option("--study", options->study, "the study")->type_name("ID");
  AddNumber(command, "--params", &options->params, "N of the target");
  AddNumber(command, "--tokens", &options->tokens, "D of the target");
  AddNumber(command, "--confidence", &options->confidence, "of the likelihood region [0.9]");
  AddWholeNumber(command, "--points", &options->points, 5, 200, "floors tried [25]");
  tree.SetRun(command, [options](Session& session) { return RunFloor(session, *options); });
}

}  // namespace sextant::cli
