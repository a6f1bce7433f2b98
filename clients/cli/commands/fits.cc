// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/data_table.h"
#include "clients/cli/commands/deletion.h"
#include "clients/cli/commands/fit_chart.h"
#include "clients/cli/commands/fit_print.h"
#include "clients/cli/commands/fit_wait.h"
#include "clients/cli/commands/number_pairs.h"
#include "clients/cli/commands/paging.h"
#include "clients/cli/commands/plot_output.h"
#include "sextant/v1/fit_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::Fit;
using v1::FitService;

struct FitOptions {
  std::string study, law, id, estimator = "auto", where, holdout, loss, runs, flops_count;
  std::optional<std::int64_t> bootstrap, seed;
  std::optional<double> band, overhead, anchor;
  std::vector<std::string> fixed, targets, maps;
  std::string table;
};

int WaitAndPrint(Session& session, const std::string& name) {
  Fit fit;
  const grpc::Status status = WatchToEnd(session, name, &fit);
  if (!status.ok()) return session.FailServer(status);
  const int code = FailUnlessSucceeded(session, fit);
  return code != kExitOk ? code : PrintFit(session, fit);
}

int FillRequest(const Session& session, const FitOptions& options, v1::CreateFitRequest* request) {
  request->set_parent(StudyName(options.study));
  request->set_law(options.law.rfind("laws/", 0) == 0 ? IdOf(options.law) : options.law);
  request->set_fit_id(options.id);
  request->set_estimator(options.estimator);
  request->set_filter(options.where);
  request->set_holdout_filter(options.holdout);
  request->set_loss(options.loss);
  request->set_runs(options.runs);
  request->set_flops_count(options.flops_count);
  if (options.bootstrap) request->set_bootstrap_replicates(static_cast<std::int32_t>(*options.bootstrap));
  if (options.seed) request->set_seed(*options.seed);
  if (options.band) request->set_band(*options.band);
  if (options.overhead) request->set_overhead(*options.overhead);
  if (options.anchor) request->set_overhead_anchor_tokens(*options.anchor);
  for (const std::string& text : options.targets) {
    const auto value = ParseNumber(text);
    if (!value) return session.FailUsage("--target-loss takes a number, not '" + Safe(text) + "'");
    request->add_target_losses(*value);
  }
  for (const std::string& text : options.maps) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return session.FailUsage("--map is VARIABLE=COLUMN, not '" + Safe(text) + "'",
                               "y stands for what the law predicts: --map y=error_rate");
    }
    (*request->mutable_columns())[text.substr(0, equals)] = text.substr(equals + 1);
  }
  if (!options.table.empty()) {
    // Variables that --map does not name are read from the columns of the same name.
    const int code = ReadDataTable(session, options.table, {}, request->mutable_table());
    if (code != kExitOk) return code;
  }
  return AddNumberPairs(session, options.fixed, "--fix", "PARAMETER", "",
                        request->mutable_fixed_parameters());
}

int CreateFit(Session& session, const FitOptions& options) {
  v1::CreateFitRequest request;
  if (const int code = FillRequest(session, options, &request); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  // Between the calls a signal only sets the flag, so that the fit can still be cancelled.
  const InterruptScope scope([] {});
  Fit fit;
  const int code = MakeFit(session, request, &fit);
  return code != kExitOk ? code : PrintFit(session, fit);
}

int ListFits(Session& session, const std::string& study) {
  RecordPrinter printer(session, FitColumns(), Fit::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ListFitsRequest request;
  request.set_parent(StudyName(study));
  request.set_page_size(1000);
  const int code =
      ForEachPage(session, &FitService::Stub::ListFits, request, [&](const v1::ListFitsResponse& page) {
        for (const Fit& fit : page.fits()) printer.Add(fit);
        return true;
      });
  return code != kExitOk ? code : printer.End();
}

int ResolveFit(const Session& session, const std::string& study, const std::string& text, std::string* name) {
  *name = ChildName("fits", study, text);
  if (!name->empty()) return kExitOk;
  return session.FailUsage("which study is fit '" + Safe(text) + "' in?",
                           "give --study ID, or the fit as STUDY/FIT or studies/STUDY/fits/FIT");
}

// The fit of that id; else the newest one of the law that is called so ("lr-power-nd" for
// "lr-power-nd-5b1f09").
int ReadFit(Session& session, const v1::GetFitRequest& request, Fit* fit) {
  const grpc::Status status = session.TryCall(&FitService::Stub::GetFit, request, fit);
  if (status.ok()) return kExitOk;
  if (status.error_code() != grpc::StatusCode::NOT_FOUND) return session.FailServer(status);
  const std::string law = IdOf(request.name());
  v1::ListFitsRequest list;
  list.set_parent(request.name().substr(0, request.name().find("/fits/")));
  list.set_page_size(1000);
  v1::ListFitsResponse page;
  if (!session.TryCall(&FitService::Stub::ListFits, list, &page).ok()) return session.FailServer(status);
  for (const Fit& each : page.fits()) {  // newest first
    if (each.law() != law || each.state() != v1::FIT_SUCCEEDED) continue;
    *fit = each;
    session.Note("the newest fit of " + Safe(law) + " is " + Safe(IdOf(each.name())));
    return kExitOk;
  }
  return session.FailServer(status);
}

struct ShowOptions {
  std::string study, fit;
  PlotOptions plot;
};

int ShowFit(Session& session, const ShowOptions& options) {
  const std::string &study = options.study, &text = options.fit;
  if (const int code = CheckPlotOptions(session, options.plot); code != kExitOk) return code;
  v1::GetFitRequest request;
  if (const int code = ResolveFit(session, study, text, request.mutable_name()); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  Fit fit;
  if (const int code = ReadFit(session, request, &fit); code != kExitOk) return code;
  const int code = PrintFit(session, fit);
  if (code != kExitOk || !options.plot.wanted()) return code;
  if (fit.state() != v1::FIT_SUCCEEDED) return session.FailLocal("a fit without a result cannot be drawn");
  chart::Chart chart;
  if (const int failed = FitChart(session, fit, &chart); failed != kExitOk) return failed;
  if (options.plot.plot) std::fputs("\n", stdout);
  return PutCharts(session, options.plot, {chart});
}

int RunWatch(Session& session, const std::string& study, const std::string& text) {
  std::string name;
  if (const int code = ResolveFit(session, study, text, &name); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  return WaitAndPrint(session, name);
}

int DeleteFit(Session& session, const std::string& study, const std::string& text, bool yes) {
  v1::DeleteFitRequest request;
  if (const int code = ResolveFit(session, study, text, request.mutable_name()); code != kExitOk) return code;
  return DeleteOne(session, &FitService::Stub::DeleteFit, request, "fits",
                   study.empty() ? text : study + "/" + text, "a deleted fit predicts no more", yes);
}

}  // namespace

void AddFits(CommandTree& tree) {
  CLI::App* noun = tree.Noun("fits");
  {
    auto options = std::make_shared<FitOptions>();
    CLI::App* command = tree.AddCommand(
        noun, "create", "fit a law to a study and wait for the result",
        {"sextant fits create --study mine --law lr-power-nd",
         "sextant fits create --study mine --law batch-power-d --estimator band --bootstrap 1000 --seed 7",
         "sextant fits create --study mine --law cbs-power-d --estimator overhead",
         "sextant fits create --study mine --law loss-average",
         "sextant fits create --study mine --law params-opt-c --estimator isoflop --flops-count recorded",
         "sextant fits create --study mixes --law loss-d-cpt --map r=ratio",
         "sextant fits create --study mine --law rectified-ft --table series.csv --map D=samples --map "
         "y=loss",
         "sextant fits create --study mine --law mpl --where 'schedule = cosine OR schedule = constant'",
         "sextant fits create --study mine --law loss-chinchilla --loss huber:1e-3 --holdout "
         "'params_non_embedding > 1e9'"});
    command->add_option("--study", options->study, "the study")->type_name("ID")->required();
    command->add_option("--law", options->law, "the law; `sextant laws list` names them")
        ->type_name("ID")
        ->required();
    command
        ->add_option(
            "--estimator", options->estimator,
            "auto, or by name: for a rate or batch band, argmin, soft-band, quadratic, surface, regret, "
            "hierarchical, average; for a critical batch its definition: hyperbola, overhead, "
            "minimum-compute, noise-scale; for compute-optimal sizes: envelope, isoflop, parametric; laws "
            "fitted to losses have one way and ignore it")
        ->type_name("NAME")
        ->capture_default_str();
    command->add_option("--where", options->where, "which runs enter; all finished ones if not given")
        ->type_name("FILTER");
    command->add_option("--holdout", options->holdout, "runs to keep back and to score")->type_name("FILTER");
    AddWholeNumber(command, "--bootstrap", &options->bootstrap, 0, 100'000,
                   "replicates for the intervals, at most 100 000 [1000]; 0: none");
    AddWholeNumber(command, "--seed", &options->seed, INT64_MIN, INT64_MAX,
                   "of the bootstrap and the starts [1]");
    command->add_option("--loss", options->loss, "huber:1e-3, squared, absolute; the law's own if not given")
        ->type_name("LOSS");
    command
        ->add_option(
            "--runs", options->runs,
            "laws of the loss: all runs, or cell-best, each cell's loss at its own best rate and batch; "
            "cell-best if not given and the study sweeps settings")
        ->type_name("all|cell-best");
    AddNumber(command, "--band", &options->band,
              "relative excess loss that still counts as near-optimal [0.0025]");
    command
        ->add_option("--target-loss", options->targets,
                     "critical batches: a loss that batches race to; may be given again")
        ->type_name("LOSS")
        ->allow_extra_args(false);
    AddNumber(command, "--overhead", &options->overhead,
              "critical batches by overhead: the share of extra steps [0.2]");
    AddNumber(command, "--overhead-anchor-tokens", &options->anchor,
              "critical batches by overhead: the batch scaled from; the smallest measured if not given");
    command
        ->add_option(
            "--flops-count", options->flops_count,
            "compute-optimal sizes: how C is counted: recorded, 6nd, 6nd-total, "
            "6nd-non-input-embedding, with-attention, … [recorded where all runs record it, else 6nd]")
        ->type_name("NAME");
    command
        ->add_option(
            "--map", options->maps,
            "read a variable of the law, or y for what it predicts, from this field, variable of the study, "
            "curve.step, curve.tokens, … or column of the table; may be given again")
        ->type_name("VARIABLE=COLUMN")
        ->allow_extra_args(false);
    command
        ->add_option("--table", options->table,
                     "data other than runs: a CSV or TSV file with one observation per row, used instead of "
                     "the study's runs")
        ->type_name("FILE");
    command->add_option("--fix", options->fixed, "hold a parameter at a value; may be given again")
        ->type_name("PARAMETER=NUMBER")
        ->allow_extra_args(false);
    command->add_option("--id", options->id, "id of the new fit; chosen for you if not given")
        ->type_name("ID");
    tree.SetRun(command, [options](Session& session) { return CreateFit(session, *options); });
  }
  {
    auto study = std::make_shared<std::string>();
    CLI::App* command =
        tree.AddCommand(noun, "list", "list the fits of a study, newest first",
                        {"sextant fits list --study mine", "sextant fits list --study published"});
    command->add_option("--study", *study, "the study")->type_name("ID")->required();
    tree.SetRun(command, [study](Session& session) { return ListFits(session, *study); });
  }
}

void AddFitsOfOne(CommandTree& tree) {
  CLI::App* noun = tree.Noun("fits");
  const auto add_single = [&](const char* verb, const char* summary, const char* example,
                              int (*run)(Session&, const std::string&, const std::string&)) {
    auto study = std::make_shared<std::string>();
    auto name = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(noun, verb, summary, {example});
    command->add_option("FIT", *name, "its name, or its id with --study, or STUDY/FIT")->required();
    command->add_option("--study", *study, "the study")->type_name("ID");
    tree.SetRun(command, [=](Session& session) { return run(session, *study, *name); });
  };
  {
    auto options = std::make_shared<ShowOptions>();
    CLI::App* command = tree.AddCommand(
        noun, "show", "show one fit",
        {"sextant fits show mine/first --plot", "sextant fits show studies/mine/fits/first -o json"});
    command->add_option("FIT", options->fit, "its name, or its id with --study, or STUDY/FIT")->required();
    command->add_option("--study", options->study, "the study")->type_name("ID");
    AddPlotOptions(command, "the law over its data", &options->plot);
    tree.SetRun(command, [options](Session& session) { return ShowFit(session, *options); });
  }
  AddDelete(tree, noun,
            {"delete a fit", "sextant fits delete mine/first --yes", "FIT",
             "its name, or its id with --study, or STUDY/FIT", true},
            DeleteFit);
  add_single("watch", "wait until a fit has ended, then show it", "sextant fits watch mine/first", RunWatch);
}

}  // namespace sextant::cli
