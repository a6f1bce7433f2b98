// SPDX-License-Identifier: Apache-2.0
// sextant laws evaluate: any law at given inputs.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/number_pairs.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/law_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::EvaluateLawResponse;

struct EvaluateOptions {
  std::string law, shape;
  std::vector<std::string> at, parameters;
  std::optional<double> peak, final_rate, steps, warmup, decay_share;
};

int RunEvaluate(Session& session, const EvaluateOptions& options) {
  v1::EvaluateLawRequest request;
  request.set_name(LawName(options.law));
  if (const int code = AddNumberPairs(session, options.at, "--at", "NAME", "for example --at N=1e9",
                                      request.mutable_variables());
      code != kExitOk)
    return code;
  if (const int code = AddNumberPairs(session, options.parameters, "--parameter", "NAME",
                                      "for example --parameter N=1e9", request.mutable_parameters());
      code != kExitOk)
    return code;
  if (!options.shape.empty()) {
    v1::LearningRateSchedule& schedule = *request.mutable_schedule();
    schedule.set_shape(options.shape);
    schedule.set_peak_learning_rate(options.peak.value_or(0));
    schedule.set_final_learning_rate(options.final_rate.value_or(0));
    schedule.set_steps(static_cast<std::int64_t>(options.steps.value_or(0)));
    schedule.set_warmup_steps(static_cast<std::int64_t>(options.warmup.value_or(0)));
    if (options.decay_share) schedule.set_decay_share(*options.decay_share);
  } else if (options.peak || options.steps || options.warmup || options.final_rate || options.decay_share) {
    return session.FailUsage("which schedule?",
                             "add --schedule cosine, linear, wsd, constant or inverse-sqrt");
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  EvaluateLawResponse response;
  if (const int code = session.Call(&v1::LawService::Stub::EvaluateLaw, request, &response); code != kExitOk)
    return code;
  const std::vector<RecordColumn> columns = {
      MakeColumn<EvaluateLawResponse>(
          "quantity", "predicts", false, true, [](const auto& answer) { return Safe(answer.quantity()); },
          [](const auto& answer) { return answer.quantity(); }),
      MakeColumn<EvaluateLawResponse>(
          "value", "value", false, true, [](const auto& answer) { return FormatNumber(answer.value(), 11); },
          [](const auto& answer) { return FormatRoundTrip(answer.value()); }),
      MakeColumn<EvaluateLawResponse>(
          "loss_unit", "loss unit", false, true, [](const auto& answer) { return Safe(answer.loss_unit()); },
          [](const auto& answer) { return answer.loss_unit(); }),
      MakeColumn<EvaluateLawResponse>(
          "warnings", "warnings", false, true,
          [](const auto& answer) {
            std::string text;
            for (const std::string& line : answer.warnings()) text += (text.empty() ? "" : "\n") + Safe(line);
            return text;
          },
          [](const auto& answer) {
            std::string text;
            for (const std::string& line : answer.warnings()) text += (text.empty() ? "" : "\n") + line;
            return text;
          })};
  return PrintRecord(session, columns, response);
}

}  // namespace

void AddLawEvaluate(CommandTree& tree) {
  CLI::App* noun = tree.Noun("laws");
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = tree.AddCommand(
      noun, "evaluate", "one law at given inputs: conversion rules, curve laws, schedules",
      {"sextant laws evaluate malladi-sqrt-lr --at eta=3e-4 --at k=4",
       "sextant laws evaluate surge-lr --at B=1M --parameter lr_max=1e-3 --parameter B_noise=4M",
       "sextant laws evaluate mpl-25m --at t=20000 --schedule cosine --peak 3e-4 --final 3e-5 --steps 24000 "
       "--warmup 2160"});
  command->add_option("LAW", options->law, "its id")->required();
  command->add_option("--at", options->at, "a variable of the law; may be given again")
      ->type_name("NAME=NUMBER")
      ->allow_extra_args(false);
  command
      ->add_option("--parameter", options->parameters,
                   "a parameter, over the published value; may be given again")
      ->type_name("NAME=NUMBER")
      ->allow_extra_args(false);
  command
      ->add_option("--schedule", options->shape,
                   "for laws of a schedule: cosine, linear, wsd, constant, inverse-sqrt")
      ->type_name("SHAPE");
  AddNumber(command, "--peak", &options->peak, "peak learning rate of the schedule");
  AddNumber(command, "--final", &options->final_rate, "learning rate at its end [0]");
  AddNumber(command, "--steps", &options->steps, "its optimizer steps");
  AddNumber(command, "--warmup", &options->warmup, "its warm-up steps [0]");
  AddNumber(command, "--decay-share", &options->decay_share, "wsd: the share of steps that decays [0.1]");
  tree.SetRun(command, [options](Session& session) { return RunEvaluate(session, *options); });
}

}  // namespace sextant::cli
