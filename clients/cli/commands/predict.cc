#include <set>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/predict_print.h"
#include "sextant/v1/law_service.grpc.pb.h"
#include "sextant/v1/prediction_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct PredictOptions {
  std::optional<double> params, tokens, batch, loss, max_extrapolation, interval, tolerance;
  std::vector<std::string> studies, fits, laws;
};

// What the laws say about themselves at every target. None if the catalogue cannot be listed: then all is
// shown.
std::set<std::string> LawNotes(Session& session) {
  v1::ListLawsRequest request;
  v1::ListLawsResponse response;
  request.set_page_size(1000);
  std::set<std::string> notes;
  if (!session.TryCall(&v1::LawService::Stub::ListLaws, request, &response).ok()) return notes;
  for (const v1::Law& law : response.laws()) notes.insert(law.notes().begin(), law.notes().end());
  return notes;
}

int RunPredict(Session& session, const PredictOptions& options) {
  v1::PredictRequest request;
  request.set_params(options.params.value_or(0));
  request.set_tokens(options.tokens.value_or(0));
  for (const std::string& study : options.studies) request.add_studies(StudyName(study));
  for (const std::string& fit : options.fits) {
    const std::string name = ChildName("fits", options.studies.size() == 1 ? options.studies[0] : "", fit);
    if (name.empty()) {
      return session.FailUsage("which study is fit '" + Safe(fit) + "' in?",
                               "give the fit as STUDY/FIT or studies/STUDY/fits/FIT");
    }
    request.add_fits(name);
  }
  for (const std::string& law : options.laws) request.add_laws(law.rfind("laws/", 0) == 0 ? IdOf(law) : law);
  if (options.batch) request.set_batch_size_tokens(*options.batch);
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
  const bool text = format == OutputFormat::kTable || format == OutputFormat::kMarkdown;
  return PrintPredictions(
      session, request, response,
      text && session.globals().verbose == 0 ? LawNotes(session) : std::set<std::string>());
}

}  // namespace

void AddPredict(CommandTree& tree) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command =
      tree.AddCommand(nullptr, "predict", "hyperparameters for a run, from fits and published laws",
                      {"sextant predict --params 7B --tokens 1.4T",
                       "sextant predict --study mine --params 7B --tokens 1.4T -o json",
                       "sextant predict --law step-law-lr --law step-law-batch --params 1e9 --tokens 1e11",
                       "sextant predict --study mine --params 7B --tokens 1.4T --batch-size-tokens 4M"});
  AddNumber(command, "--params", &options->params, "N of the run, counted as each law counts it")->required();
  AddNumber(command, "--tokens", &options->tokens, "D of the run")->required();
  const auto add_list = [&](const char* flag, std::vector<std::string>* list, const char* type,
                            const char* help) {
    command->add_option(flag, *list, help)->type_name(type)->allow_extra_args(false);
  };
  add_list("--study", &options->studies, "ID", "the current fits of a study; may be given again");
  add_list("--fit", &options->fits, "NAME", "one fit; may be given again");
  add_list("--law", &options->laws, "ID", "one published law; may be given again");
  AddNumber(command, "--batch-size-tokens", &options->batch,
            "fixed batch: the best learning rate at this batch");
  AddNumber(command, "--loss", &options->loss, "loss in nats, for laws in L");
  AddNumber(command, "--max-extrapolation", &options->max_extrapolation,
            "withhold answers further than this factor beyond the fitted range");
  AddNumber(command, "--interval", &options->interval, "coverage of the intervals [0.9]");
  AddNumber(command, "--tolerance", &options->tolerance,
            "relative excess loss of the near-optimal band [0.0025]");
  tree.SetRun(command, [options](Session& session) { return RunPredict(session, *options); });
}

}  // namespace sextant::cli
