// SPDX-License-Identifier: Apache-2.0
// sextant forecasts: predictions stored before the run, and how they turned out.
#include <memory>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/deletion.h"
#include "clients/cli/commands/forecast_columns.h"
#include "clients/cli/commands/number_pairs.h"
#include "clients/cli/commands/paging.h"
#include "sextant/v1/forecast_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::Forecast;
using v1::ForecastService;

struct NewForecastFlags {
  std::string study, fit, law, id;
  std::optional<double> params, tokens, batch, rate, loss, max_extrapolation, interval, tolerance;
  std::vector<std::string> at;
  bool dry_run = false;
};

int PrintOneForecast(const Session& session, const Forecast& forecast) {
  return PrintRecord(session, ForecastColumns(), forecast);
}

int RunCreateForecast(Session& session, const NewForecastFlags& flags) {
  if ((!flags.params || !flags.tokens) && flags.at.empty()) {
    return session.FailUsage("--params and --tokens are required",
                             "for example: sextant forecasts create --study mine --params 7B --tokens 1.4T");
  }
  v1::CreateForecastRequest request;
  request.set_parent(StudyName(flags.study));
  request.set_forecast_id(flags.id);
  request.set_validate_only(flags.dry_run);
  v1::PredictRequest& target = *request.mutable_target();
  target.set_params(flags.params.value_or(0));
  target.set_tokens(flags.tokens.value_or(0));
  if (!flags.fit.empty()) {
    target.add_fits(ChildName("fits", flags.study, flags.fit));
    if (target.fits(0).empty())
      return session.FailUsage("'" + Safe(flags.fit) + "' is no fit", "give its id, or STUDY/FIT");
  }
  if (!flags.law.empty()) target.add_laws(flags.law.rfind("laws/", 0) == 0 ? IdOf(flags.law) : flags.law);
  if (flags.batch) target.set_batch_size_tokens(*flags.batch);
  if (flags.rate) target.set_learning_rate(*flags.rate);
  if (flags.loss) target.set_loss_nats(*flags.loss);
  if (flags.max_extrapolation) target.set_max_extrapolation(*flags.max_extrapolation);
  if (flags.interval) target.set_interval(*flags.interval);
  if (flags.tolerance) target.set_tolerance(*flags.tolerance);
  if (const int code =
          AddNumberPairs(session, flags.at, "--at", "NAME", "for example --at U=25e9", target.mutable_at());
      code != kExitOk) {
    return code;
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  Forecast forecast;
  const int code = session.Call(&ForecastService::Stub::CreateForecast, request, &forecast);
  return code != kExitOk ? code : PrintOneForecast(session, forecast);
}

int ListForecasts(Session& session, const std::string& study) {
  RecordPrinter printer(session, ForecastColumns(), Forecast::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ListForecastsRequest request;
  request.set_parent(StudyName(study));
  request.set_page_size(1000);
  const int code = ForEachPage(session, &ForecastService::Stub::ListForecasts, request,
                               [&](const v1::ListForecastsResponse& page) {
                                 for (const Forecast& forecast : page.forecasts()) printer.Add(forecast);
                                 return true;
                               });
  return code != kExitOk ? code : printer.End();
}

int ResolveForecast(const Session& session, const std::string& study, const std::string& text,
                    std::string* name) {
  *name = ChildName("forecasts", study, text);
  if (!name->empty()) return kExitOk;
  return session.FailUsage(
      "which study is forecast '" + Safe(text) + "' in?",
      "give --study ID, or the forecast as STUDY/FORECAST or studies/STUDY/forecasts/FORECAST");
}

int ShowForecast(Session& session, const std::string& study, const std::string& text) {
  v1::GetForecastRequest request;
  if (const int code = ResolveForecast(session, study, text, request.mutable_name()); code != kExitOk)
    return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  Forecast forecast;
  const int code = session.Call(&ForecastService::Stub::GetForecast, request, &forecast);
  return code != kExitOk ? code : PrintOneForecast(session, forecast);
}

int DeleteForecast(Session& session, const std::string& study, const std::string& text, bool yes) {
  v1::DeleteForecastRequest request;
  if (const int code = ResolveForecast(session, study, text, request.mutable_name()); code != kExitOk)
    return code;
  return DeleteOne(session, &ForecastService::Stub::DeleteForecast, request, "forecasts",
                   study.empty() ? text : study + "/" + text, "a deleted forecast is scored no more", yes);
}

struct ScoreFlags {
  std::string study, run, where;
  std::vector<std::string> forecasts;
  std::optional<double> tolerance;
  bool dry_run = false;
};

int RunScore(Session& session, const ScoreFlags& flags) {
  v1::ScoreForecastsRequest request;
  request.set_parent(StudyName(flags.study));
  request.set_filter(flags.where);
  request.set_validate_only(flags.dry_run);
  for (const std::string& forecast : flags.forecasts) {
    if (const int code = ResolveForecast(session, flags.study, forecast, request.add_forecasts());
        code != kExitOk)
      return code;
  }
  if (!flags.run.empty()) {
    request.set_run(ChildName("runs", flags.study, flags.run));
    if (request.run().empty()) return session.FailUsage("'" + Safe(flags.run) + "' is no run");
  }
  if (flags.tolerance) request.set_recipe_tolerance(*flags.tolerance);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ScoreForecastsResponse response;
  const int code = session.Call(&ForecastService::Stub::ScoreForecasts, request, &response);
  return code != kExitOk ? code : PrintScores(session, response);
}

void AddCreateForecast(CommandTree& tree, CLI::App* noun) {
  auto flags = std::make_shared<NewForecastFlags>();
  CLI::App* command = tree.AddCommand(
      noun, "create", "predict and store what was said, sealed, before the run",
      {"sextant forecasts create --study mine --params 7B --tokens 1.4T",
       "sextant forecasts create --study mine --params 7B --tokens 1.4T --learning-rate 3e-4 "
       "--batch-size-tokens 4M --id big-run",
       "sextant forecasts create --study mine --law step-law-lr --params 7B --tokens 1.4T",
       "sextant forecasts create --study mine --fit first --params 7B --tokens 1.4T --dry-run -o json"});
  command->add_option("--study", flags->study, "whose runs it will be scored by; its current fits answer")
      ->type_name("ID")
      ->required();
  CLI::Option* fit = command->add_option("--fit", flags->fit, "this fit answers")->type_name("NAME");
  command->add_option("--law", flags->law, "this published law answers")->type_name("ID")->excludes(fit);
  AddNumber(command, "--params", &flags->params, "N of the run, counted as the study counts it");
  AddNumber(command, "--tokens", &flags->tokens, "D of the run");
  AddNumber(command, "--batch-size-tokens", &flags->batch, "the batch that the run will have");
  AddNumber(command, "--learning-rate", &flags->rate, "the rate that the run will have");
  command->add_option("--at", flags->at, "a variable by its name, as U=25e9; may be given again")
      ->type_name("NAME=NUMBER")
      ->allow_extra_args(false);
  AddNumber(command, "--loss", &flags->loss, "loss in nats, for laws in L");
  AddNumber(command, "--max-extrapolation", &flags->max_extrapolation,
            "withhold answers further than this factor beyond the fitted range");
  AddNumber(command, "--interval", &flags->interval, "coverage of the intervals [0.9]");
  AddNumber(command, "--tolerance", &flags->tolerance,
            "relative excess loss of the near-optimal band [0.0025]");
  command->add_option("--id", flags->id, "id of the forecast; chosen for you if not given")->type_name("ID");
  command->add_flag("--dry-run", flags->dry_run, "show what would be stored");
  tree.SetRun(command, [flags](Session& session) { return RunCreateForecast(session, *flags); });
}

void AddScoreForecasts(CommandTree& tree, CLI::App* noun) {
  auto flags = std::make_shared<ScoreFlags>();
  CLI::App* command =
      tree.AddCommand(noun, "score", "hold forecasts against the runs that followed, and record how they did",
                      {"sextant forecasts score --study mine", "sextant forecasts score --study mine -o json",
                       "sextant forecasts score --study mine --forecast big-run --run big-run-1"});
  command->add_option("--study", flags->study, "the study")->type_name("ID")->required();
  command
      ->add_option("--forecast", flags->forecasts,
                   "only this forecast; may be given again; all of the study if not given")
      ->type_name("FORECAST")
      ->allow_extra_args(false);
  command
      ->add_option("--run", flags->run,
                   "only this run tells; of a forecast that is named too, whatever its recipe")
      ->type_name("RUN");
  command->add_option("--where", flags->where, "which runs may tell; all if not given")->type_name("FILTER");
  AddNumber(command, "--recipe-tolerance", &flags->tolerance,
            "a run is at the target if N, D and what else was given are within this share [0.02]");
  command->add_flag("--dry-run", flags->dry_run, "record nothing");
  tree.SetRun(command, [flags](Session& session) { return RunScore(session, *flags); });
}

}  // namespace

void AddForecasts(CommandTree& tree) {
  CLI::App* noun = tree.Noun("forecasts");
  AddCreateForecast(tree, noun);
  {
    auto study = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(noun, "list", "list the forecasts of a study, newest first",
                                        {"sextant forecasts list --study mine"});
    command->add_option("--study", *study, "the study")->type_name("ID")->required();
    tree.SetRun(command, [study](Session& session) { return ListForecasts(session, *study); });
  }
  {
    auto study = std::make_shared<std::string>();
    auto name = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(
        noun, "show", "show one forecast, with its seal",
        {"sextant forecasts show mine/big-run", "sextant forecasts show mine/big-run -o json"});
    command->add_option("FORECAST", *name, "its name, or its id with --study, or STUDY/FORECAST")->required();
    command->add_option("--study", *study, "the study")->type_name("ID");
    tree.SetRun(command, [=](Session& session) { return ShowForecast(session, *study, *name); });
  }
  AddScoreForecasts(tree, noun);
  AddDelete(tree, noun,
            {"delete a forecast", "sextant forecasts delete mine/big-run --yes", "FORECAST",
             "its name, or its id with --study, or STUDY/FORECAST", true},
            DeleteForecast);
}

}  // namespace sextant::cli
