// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/fit_chart.h"
#include "clients/cli/commands/number_pairs.h"
#include "clients/cli/commands/plot_output.h"
#include "clients/cli/commands/predict_print.h"
#include "clients/cli/commands/predict_targets.h"
#include "clients/cli/commands/schedule_words.h"
#include "clients/cli/commands/sources.h"
#include "sextant/v1/curve_service.grpc.pb.h"
#include "sextant/v1/law_service.grpc.pb.h"
#include "sextant/v1/prediction_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct PredictOptions {
  std::optional<double> params, tokens, batch, rate, loss, max_extrapolation, interval, tolerance;
  SourceOptions sources;
  std::vector<std::string> rates, batches, at;
  std::string schedule;
  std::optional<double> share;
  std::string run, targets;
  bool penalty_grid = false;
  PlotOptions plot;
};

// What the laws say about themselves at every target. None if the catalogue cannot be listed: then all is
// shown.
QuietLaws LawNotes(Session& session) {
  v1::ListLawsRequest request;
  v1::ListLawsResponse response;
  request.set_page_size(1000);
  // What a target gives: N, D, C = 6ND, the batch, steps = D / batch, and the loss.
  static const std::set<std::string> supplied = {"N", "D", "C", "B", "S", "L"};
  QuietLaws quiet;
  if (!session.TryCall(&v1::LawService::Stub::ListLaws, request, &response).ok()) return quiet;
  for (const v1::Law& law : response.laws()) {
    quiet.notes.insert(law.notes().begin(), law.notes().end());
    for (const v1::LawVariable& variable : law.variables()) {
      if (variable.from_law().empty() && !supplied.contains(variable.name()))
        quiet.inapplicable.insert(IdOf(law.name()));
    }
  }
  return quiet;
}

// The end of a run in flight, from its curve so far.
int RunForecast(Session& session, const PredictOptions& options) {
  v1::ForecastRunRequest request;
  request.set_name(
      ChildName("runs", options.sources.studies.size() == 1 ? options.sources.studies[0] : "", options.run));
  if (request.name().empty()) {
    return session.FailUsage("which study is run '" + Safe(options.run) + "' in?",
                             "give --study ID, or the run as STUDY/RUN or studies/STUDY/runs/RUN");
  }
  if (options.interval) request.set_interval(*options.interval);
  if (options.share) request.set_use_share(*options.share);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ForecastRunResponse response;
  const int code = session.Call(&v1::CurveService::Stub::ForecastRun, request, &response);
  return code != kExitOk ? code : PrintForecast(session, response);
}

// The price of being wrong around the optimum.
int RunPenalties(Session& session, const PredictOptions& options) {
  if (options.sources.studies.size() + options.sources.fits.size() != 1) {
    return session.FailUsage("--penalty-grid needs one --study or one --fit");
  }
  v1::PredictPenaltyRequest request;
  request.set_parent(options.sources.fits.empty() ? StudyName(options.sources.studies[0])
                                                  : ChildName("fits", "", options.sources.fits[0]));
  request.set_params(*options.params);
  request.set_tokens(*options.tokens);
  if (options.interval) request.set_interval(*options.interval);
  for (const auto& [texts, axis] : {std::pair{&options.rates, request.mutable_learning_rates()},
                                    std::pair{&options.batches, request.mutable_batch_sizes_tokens()}}) {
    for (const std::string& text : *texts) {
      const auto value = ParseNumber(text);
      if (!value) return session.FailUsage("'" + Safe(text) + "' is no number of the penalty grid");
      axis->Add(*value);
    }
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::PredictPenaltyResponse response;
  const int code = session.Call(&v1::PredictionService::Stub::PredictPenalty, request, &response);
  return code != kExitOk ? code : PrintPenalties(session, response);
}

// Targets from a table.
int RunManyTargets(Session& session, const PredictOptions& options) {
  if (options.params || options.tokens || options.batch || options.penalty_grid) {
    return session.FailUsage("--targets brings its own parameters, tokens and batches",
                             "leave out --params, --tokens, --batch-size-tokens and --penalty-grid");
  }
  v1::PredictBatchRequest request;
  if (const int code = SetSources(session, options.sources, &request); code != kExitOk) return code;
  if (options.loss) request.set_loss_nats(*options.loss);
  if (options.max_extrapolation) request.set_max_extrapolation(*options.max_extrapolation);
  if (options.interval) request.set_interval(*options.interval);
  if (options.tolerance) request.set_tolerance(*options.tolerance);
  return RunTargets(session, options.targets, std::move(request));
}

// Which command renews a fit that predates runs of its study.
void NoteOldFits(const Session& session, const v1::PredictResponse& response) {
  std::set<std::string> studies;
  for (const v1::Prediction& prediction : response.predictions()) {
    const bool is_old =
        std::any_of(prediction.warnings().begin(), prediction.warnings().end(),
                    [](const std::string& text) { return text.find(" is old: ") != text.npos; });
    if (!is_old || prediction.fits().empty()) continue;
    const std::string& fit = prediction.fits(0);
    studies.insert(fit.substr(8, fit.find('/', 8) - 8));
  }
  for (const std::string& study : studies)
    session.Note("`sextant fits refresh --study " + Safe(study) + "` makes old fits again");
}

int RunPredict(Session& session, const PredictOptions& options) {
  if (const int code = CheckPlotOptions(session, options.plot); code != kExitOk) return code;
  if (options.plot.wanted() && (!options.run.empty() || options.penalty_grid)) {
    return session.FailUsage("--plot and --svg draw predictions: leave out --run and --penalty-grid");
  }
  if (!options.run.empty()) return RunForecast(session, options);
  if (!options.targets.empty()) return RunManyTargets(session, options);
  const bool elsewhere = !options.at.empty() || !options.schedule.empty();
  if ((!options.params || !options.tokens) && (!elsewhere || options.penalty_grid)) {
    return session.FailUsage(
        "--params and --tokens are required",
        "for example: sextant predict --params 7B --tokens 1.4T; laws of other variables take "
        "--at NAME=NUMBER");
  }
  if (options.penalty_grid) return RunPenalties(session, options);
  v1::PredictRequest request;
  request.set_params(options.params.value_or(0));
  request.set_tokens(options.tokens.value_or(0));
  if (const int code = SetSources(session, options.sources, &request); code != kExitOk) return code;
  if (const int code = AddNumberPairs(session, options.at, "--at", "NAME", "for example --at U=25e9",
                                      request.mutable_at());
      code != kExitOk) {
    return code;
  }
  if (!options.schedule.empty()) {
    if (const int code = ReadSchedule(session, options.schedule, request.mutable_schedule()); code != kExitOk)
      return code;
  }
  if (options.batch) request.set_batch_size_tokens(*options.batch);
  if (options.rate) request.set_learning_rate(*options.rate);
  if (options.loss) request.set_loss_nats(*options.loss);
  if (options.max_extrapolation) request.set_max_extrapolation(*options.max_extrapolation);
  if (options.interval) request.set_interval(*options.interval);
  if (options.tolerance) request.set_tolerance(*options.tolerance);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::PredictResponse response;
  if (const int code = session.Call(&v1::PredictionService::Stub::Predict, request, &response);
      code != kExitOk) {
    return code;
  }
  const OutputFormat format = session.globals().output;
  const bool text = format != OutputFormat::kJson && format != OutputFormat::kJsonl;
  const int code = PrintPredictions(session, request, response,
                                    text && session.globals().verbose == 0 ? LawNotes(session) : QuietLaws());
  NoteOldFits(session, response);
  if (code != kExitOk || !options.plot.wanted()) return code;
  std::vector<chart::Chart> charts;
  if (const int failed = PredictionCharts(session, request, response, &charts); failed != kExitOk)
    return failed;
  if (options.plot.plot) std::fputs("\n", stdout);
  return PutCharts(session, options.plot, charts);
}

}  // namespace

void AddPredict(CommandTree& tree) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = tree.AddCommand(
      nullptr, "predict", "hyperparameters for a run, from fits and published laws",
      {"sextant predict --params 7B --tokens 1.4T",
       "sextant predict --study mine --params 7B --tokens 1.4T -o json",
       "sextant predict --law step-law-lr --law step-law-bs --params 1e9 --tokens 1e11",
       "sextant predict --study mine --params 7B --tokens 1.4T --batch-size-tokens 4M",
       "sextant predict --study mine --params 7B --tokens 1.4T --learning-rate 3e-4",
       "sextant predict --study mine --params 7B --tokens 1.4T --penalty-grid",
       "sextant predict --study mine --targets targets.csv -o csv",
       "sextant predict --law muennighoff --params 6.34e9 --tokens 242e9 --at U=25e9",
       "sextant predict --study mine --schedule wsd:peak=3e-4,steps=24000,warmup=2160,decay=0.2",
       "sextant predict --study mine --run in-flight"});
  AddNumber(command, "--params", &options->params, "N of the run, counted as each law counts it");
  AddNumber(command, "--tokens", &options->tokens, "D of the run");
  const auto add_list = [&](const char* flag, std::vector<std::string>* list, const char* type,
                            const char* help) {
    command->add_option(flag, *list, help)->type_name(type)->allow_extra_args(false);
  };
  AddSources(command, &options->sources);
  AddNumber(command, "--batch-size-tokens", &options->batch,
            "fixed batch: the best learning rate at this batch");
  AddNumber(command, "--learning-rate", &options->rate,
            "the loss at this rate, and at this batch if one is given; not given: at the recommended ones");
  add_list("--at", &options->at, "NAME=NUMBER",
           "a variable of laws by its name, as U=25e9 or r=0.3; may be given again");
  command
      ->add_option("--schedule", options->schedule,
                   std::string("the run's learning rates, for laws of schedules: ") + kScheduleForm)
      ->type_name("SCHEDULE");
  AddNumber(command, "--loss", &options->loss, "loss in nats, for laws in L");
  AddNumber(command, "--max-extrapolation", &options->max_extrapolation,
            "withhold answers further than this factor beyond the fitted range");
  AddNumber(command, "--interval", &options->interval, "coverage of the intervals [0.9]");
  AddNumber(command, "--tolerance", &options->tolerance,
            "relative excess loss of the near-optimal band [0.0025]");
  command->add_flag("--penalty-grid", options->penalty_grid,
                    "the price of being wrong: expected excess loss around the optimum");
  add_list("--grid-rate", &options->rates, "RATE", "a learning rate of the penalty grid; may be given again");
  add_list("--grid-batch", &options->batches, "TOKENS", "a batch of the penalty grid; may be given again");
  command
      ->add_option("--targets", options->targets,
                   "many targets: a CSV file with columns params (or N), tokens (or D) and perhaps "
                   "batch_size_tokens; - reads standard input")
      ->type_name("FILE");
  command->add_option("--run", options->run, "forecast the end loss of this run from its curve so far")
      ->type_name("NAME");
  AddNumber(command, "--use-share", &options->share,
            "with --run: use only this share of the run, to check the method on a finished one");
  AddPlotOptions(command, "each quantity over tokens", &options->plot);
  tree.SetRun(command, [options](Session& session) { return RunPredict(session, *options); });
}

}  // namespace sextant::cli
