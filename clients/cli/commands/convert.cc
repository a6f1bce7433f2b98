// SPDX-License-Identifier: Apache-2.0
// sextant convert: a setting of the optimizer at another batch size.
#include <memory>
#include <optional>
#include <string>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/conversion_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::ConvertedValue;

struct ConvertOptions {
  std::string optimizer = "adamw";
  std::optional<double> from, to, rate, beta1, beta2, epsilon, decay, ema, warmup, noise, exponent;
};

std::vector<RecordColumn> ConvertedColumns() {
  const auto text = [](const char* name, const char* title,
                       const std::string& (ConvertedValue::*get)() const) {
    return MakeColumn<ConvertedValue>(
        name, title, false, true, [get](const ConvertedValue& row) { return (row.*get)(); },
        [get](const ConvertedValue& row) { return (row.*get)(); });
  };
  const auto number = [](const char* name, const char* title, bool (ConvertedValue::*has)() const,
                         double (ConvertedValue::*get)() const) {
    return MakeColumn<ConvertedValue>(
        name, title, true, true,
        [=](const ConvertedValue& row) {
          return (row.*has)() ? FormatNumber((row.*get)()) : std::string("-");
        },
        [=](const ConvertedValue& row) {
          return (row.*has)() ? FormatRoundTrip((row.*get)()) : std::string();
        });
  };
  return {text("quantity", "quantity", &ConvertedValue::quantity),
          MakeColumn<ConvertedValue>(
              "from", "from", true, true, [](const ConvertedValue& row) { return FormatNumber(row.from()); },
              [](const ConvertedValue& row) { return FormatRoundTrip(row.from()); }),
          number("value", "to", &ConvertedValue::has_value, &ConvertedValue::value),
          number("low", "low", &ConvertedValue::has_low, &ConvertedValue::low),
          number("high", "high", &ConvertedValue::has_high, &ConvertedValue::high),
          text("rule", "rule", &ConvertedValue::rule),
          text("source", "source", &ConvertedValue::source),
          text("validity", "holds", &ConvertedValue::validity)};
}

int RunConvert(Session& session, const ConvertOptions& options) {
  v1::ConvertSettingRequest request;
  if (!options.from || !options.to) {
    return session.FailUsage("--from-batch and --to-batch are required",
                             "in one unit: tokens, sequences or examples");
  }
  request.set_optimizer(options.optimizer);
  request.set_from_batch(*options.from);
  request.set_to_batch(*options.to);
  if (options.rate) request.set_learning_rate(*options.rate);
  if (options.beta1) request.set_beta1(*options.beta1);
  if (options.beta2) request.set_beta2(*options.beta2);
  if (options.epsilon) request.set_epsilon(*options.epsilon);
  if (options.decay) request.set_weight_decay(*options.decay);
  if (options.ema) request.set_ema_decay(*options.ema);
  if (options.warmup) request.set_warmup_steps(*options.warmup);
  if (options.noise) request.set_noise_batch(*options.noise);
  if (options.exponent) request.set_exponent(*options.exponent);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ConvertSettingResponse response;
  if (const int code = session.Call(&v1::ConversionService::Stub::ConvertSetting, request, &response);
      code != kExitOk)
    return code;
  if (WantsJson(session)) return PrintJson(session, response);
  RecordPrinter printer(session, ConvertedColumns(), ConvertedValue::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const ConvertedValue& row : response.values()) printer.Add(row);
  if (const int code = printer.End(); code != kExitOk) return code;
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return kExitOk;
}

}  // namespace

void AddConvert(CommandTree& tree) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command = tree.AddCommand(
      nullptr, "convert", "the optimizer's setting at another batch size, each number by its published rule",
      {"sextant convert --optimizer adamw --from-batch 256 --to-batch 1024 --learning-rate 3e-4 --beta1 0.9 "
       "--beta2 0.95 "
       "--weight-decay 0.1",
       "sextant convert --optimizer sgd --from-batch 256 --to-batch 8192 --learning-rate 0.1 --warmup-steps "
       "500",
       "sextant convert --optimizer lion --from-batch 1M --to-batch 4M --learning-rate 1e-4 --noise-batch 2M "
       "-o json"});
  command->add_option("--optimizer", options->optimizer, "sgd, momentum, adam, adamw, lion, lars or lamb")
      ->type_name("NAME")
      ->capture_default_str();
  AddNumber(command, "--from-batch", &options->from, "the batch of the setting");
  AddNumber(command, "--to-batch", &options->to, "the new batch, in the same unit");
  AddNumber(command, "--learning-rate", &options->rate, "its learning rate");
  AddNumber(command, "--beta1", &options->beta1, "its momentum");
  AddNumber(command, "--beta2", &options->beta2, "its decay of the second moment");
  AddNumber(command, "--epsilon", &options->epsilon, "its epsilon");
  AddNumber(command, "--weight-decay", &options->decay, "its decoupled weight decay");
  AddNumber(command, "--ema-decay", &options->ema, "decay of its average of the weights, per step");
  AddNumber(command, "--warmup-steps", &options->warmup, "its warm-up");
  AddNumber(command, "--noise-batch", &options->noise,
            "the gradient noise scale, in the same unit: adds the surge rule");
  AddNumber(command, "--exponent", &options->exponent,
            "exponent of the batch for the rate, from a sweep of yours");
  tree.SetRun(command, [options](Session& session) { return RunConvert(session, *options); });
}

}  // namespace sextant::cli
