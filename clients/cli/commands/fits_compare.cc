// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/upload/waiting.h"
#include "sextant/v1/fit_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct CompareOptions {
  std::string study, where, loss, runs;
  std::vector<std::string> laws, estimators;
  std::optional<double> holdout_fraction, band;
};

template <class M>
RecordColumn TextField(const char* name, std::string (*get)(const M&)) {
  return MakeColumn<M>(
      name, name, false, true, [get](const M& m) { return Safe(get(m)); },
      [get](const M& m) { return get(m); });
}

template <class M>
RecordColumn NumberField(const char* name, double (*get)(const M&)) {
  return MakeColumn<M>(
      name, name, true, true, [get](const M& m) { return FormatNumber(get(m)); },
      [get](const M& m) { return FormatRoundTrip(get(m)); });
}

std::vector<RecordColumn> EstimatorColumns() {
  using M = v1::EstimatorScore;
  return {TextField<M>("split", [](const M& m) { return m.split(); }),
          TextField<M>("estimator", [](const M& m) { return m.estimator(); }),
          NumberField<M>("mean_excess_pct", [](const M& m) { return m.mean_excess_pct(); }),
          NumberField<M>("max_excess_pct", [](const M& m) { return m.max_excess_pct(); }),
          NumberField<M>("cells", [](const M& m) { return static_cast<double>(m.cells()); })};
}

std::vector<RecordColumn> ScoreColumns() {
  using M = v1::LawScore;
  return {TextField<M>("law", [](const M& m) { return m.law(); }),
          NumberField<M>("rank_by_held_out",
                         [](const M& m) { return static_cast<double>(m.rank_by_held_out()); }),
          NumberField<M>("mean_relative_error", [](const M& m) { return m.mean_relative_error(); }),
          NumberField<M>("aic", [](const M& m) { return m.aic(); }),
          NumberField<M>("bic", [](const M& m) { return m.bic(); }),
          NumberField<M>("objective", [](const M& m) { return m.objective(); }),
          TextField<M>("error", [](const M& m) { return m.error(); })};
}

template <class M>
int PrintScores(const Session& session, std::vector<RecordColumn> columns,
                const google::protobuf::RepeatedPtrField<M>& scores) {
  RecordPrinter printer(session, std::move(columns), M::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const M& score : scores) printer.Add(score);
  return printer.End();
}

int RunCompare(Session& session, const CompareOptions& options) {
  v1::CompareFitsRequest request;
  request.set_parent(StudyName(options.study));
  request.set_filter(options.where);
  request.set_loss(options.loss);
  request.set_runs(options.runs);
  for (const std::string& law : options.laws) request.add_laws(law);
  for (const std::string& estimator : options.estimators) request.add_estimators(estimator);
  if (options.holdout_fraction) request.set_holdout_fraction(*options.holdout_fraction);
  if (options.band) request.set_band(*options.band);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::CompareFitsResponse response;
  // Many fits: no deadline unless --timeout sets one.
  v1::FitService::Stub stub(session.channel());
  grpc::ClientContext context;
  session.Prepare(&context, 0);
  {
    const InterruptScope scope([&] { context.TryCancel(); });
    const Waiting waiting(session, "comparing");
    const grpc::Status status = stub.CompareFits(&context, request, &response);
    if (!status.ok()) return session.FailServer(status);
  }
  if (WantsJson(session)) return PrintJson(session, response);
  const int code = options.laws.empty() ? PrintScores(session, EstimatorColumns(), response.estimators())
                                        : PrintScores(session, ScoreColumns(), response.laws());
  if (!response.verdict().empty()) session.Note(Safe(response.verdict()));
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return code;
}

}  // namespace

void AddFitsCompare(CommandTree& tree) {
  CLI::App* noun = tree.Noun("fits");
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      tree.AddCommand(noun, "compare", "which estimator or law to trust on a study, by held-out evidence",
                      {"sextant fits compare --study mine",
                       "sextant fits compare --study mine --law loss-chinchilla --law loss-kaplan -o json"});
  command->add_option("--study", options->study, "the study")->type_name("ID")->required();
  command->add_option("--law", options->laws, "rank these laws of the loss; may be given again")
      ->type_name("ID")
      ->allow_extra_args(false);
  command
      ->add_option("--estimator", options->estimators,
                   "compare these estimators of the optimal rate and batch; all if not given")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command->add_option("--where", options->where, "which runs enter; all finished ones if not given")
      ->type_name("FILTER");
  command->add_option("--loss", options->loss, "one objective for all laws: huber:1e-3, squared, absolute")
      ->type_name("LOSS");
  command->add_option("--runs", options->runs, "losses that laws are fitted to, as in fits create")
      ->type_name("all|cell-best");
  AddNumber(command, "--holdout-fraction", &options->holdout_fraction,
            "share of the runs, largest scales first, that laws are scored on [0.2]");
  AddNumber(command, "--band", &options->band, "near-optimal band of estimators that use one [0.0025]");
  tree.SetRun(command, [options](Session& session) { return RunCompare(session, *options); });
}

}  // namespace sextant::cli
