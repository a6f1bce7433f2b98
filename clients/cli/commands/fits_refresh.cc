// SPDX-License-Identifier: Apache-2.0
// sextant fits refresh: fits that predate runs of their study, made again as they were made.
#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/fit_print.h"
#include "clients/cli/commands/fit_wait.h"
#include "clients/cli/commands/paging.h"
#include "sextant/v1/fit_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::Fit;
using v1::FitService;

struct RefreshOptions {
  std::string study;
  std::vector<std::string> laws;
  bool all = false;
};

// server/study_sizes.h says what these are.
std::optional<double> NoteOf(const Fit& fit, const std::string& name) {
  const auto found = fit.diagnostics().find(name);
  return found == fit.diagnostics().end() ? std::nullopt : std::optional(found->second);
}

bool HasMissed(const Fit& fit, const v1::Study& study) {
  const auto runs = NoteOf(fit, "study.runs"), points = NoteOf(fit, "study.points");
  // A fit of before such notes may have missed anything.
  if (!runs || !points) return true;
  return study.run_count() != static_cast<int>(*runs) ||
         static_cast<double>(study.curve_point_count()) != *points;
}

v1::CreateFitRequest SameAgain(const Fit& fit, const std::string& parent) {
  v1::CreateFitRequest request;
  request.set_parent(parent);
  request.set_law(fit.law());
  request.set_filter(fit.filter());
  request.set_holdout_filter(fit.holdout_filter());
  request.set_seed(fit.seed());
  request.set_bootstrap_replicates(fit.bootstrap_replicates());
  request.set_estimator(NoteOf(fit, "option.auto") ? "auto" : fit.estimator());
  if (NoteOf(fit, "option.loss")) request.set_loss(fit.loss());
  if (NoteOf(fit, "option.columns")) *request.mutable_columns() = fit.columns();
  if (NoteOf(fit, "option.runs.all")) request.set_runs("all");
  if (NoteOf(fit, "option.runs.cell-best")) request.set_runs("cell-best");
  if (const auto band = NoteOf(fit, "option.band")) request.set_band(*band);
  if (const auto overhead = NoteOf(fit, "option.overhead")) request.set_overhead(*overhead);
  if (const auto anchor = NoteOf(fit, "option.overhead_anchor_tokens"); anchor && *anchor > 0)
    request.set_overhead_anchor_tokens(*anchor);
  std::map<int, double> losses;
  for (const auto& [name, value] : fit.diagnostics()) {
    if (name.rfind("fixed.", 0) == 0) (*request.mutable_fixed_parameters())[name.substr(6)] = value;
    if (name.rfind("option.flops_count.", 0) == 0) request.set_flops_count(name.substr(19));
    if (name.rfind("option.target_loss.", 0) == 0) losses[std::atoi(name.c_str() + 19)] = value;
  }
  for (const auto& [at, loss] : losses) request.add_target_losses(loss);
  return request;
}

// The newest fit of each law, filter and hold-out.
int ReadNewest(Session& session, const std::string& parent, std::vector<Fit>* newest) {
  v1::ListFitsRequest list;
  list.set_parent(parent);
  list.set_page_size(1000);
  std::set<std::string> seen;
  return ForEachPage(session, &FitService::Stub::ListFits, list, [&](const v1::ListFitsResponse& page) {
    for (const Fit& fit : page.fits()) {
      if (fit.state() != v1::FIT_SUCCEEDED) continue;
      if (seen.insert(fit.law() + "\n" + fit.filter() + "\n" + fit.holdout_filter()).second)
        newest->push_back(fit);
    }
    return true;
  });
}

int RunRefresh(Session& session, const RefreshOptions& options) {
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::GetStudyRequest get;
  get.set_name(StudyName(options.study));
  v1::Study study;
  if (const int code = session.Call(&v1::StudyService::Stub::GetStudy, get, &study); code != kExitOk)
    return code;
  std::vector<Fit> newest;
  if (const int code = ReadNewest(session, study.name(), &newest); code != kExitOk) return code;
  const std::set<std::string> wanted(options.laws.begin(), options.laws.end());
  RecordPrinter printer(session, FitColumns(), Fit::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  int made = 0, worst = kExitOk;
  const InterruptScope scope([] {});
  for (const Fit& fit : newest) {
    if (Interrupted()) return kExitInterrupted;
    if (!wanted.empty() && !wanted.contains(fit.law())) continue;
    if (fit.data_source().rfind("table", 0) == 0) {
      session.Note(Safe(IdOf(fit.name())) + " was made from a table: nothing of the study changes it");
      continue;
    }
    if (!options.all && !HasMissed(fit, study)) {
      session.Detail(Safe(IdOf(fit.name())) + " has seen every run");
      continue;
    }
    Fit again;
    const int code = MakeFit(session, SameAgain(fit, study.name()), &again);
    if (code != kExitOk) {
      worst = code;
      continue;
    }
    printer.Add(again);
    ++made;
  }
  if (made == 0 && worst == kExitOk) {
    session.Note(newest.empty() ? "the study has no fit yet: `sextant fits create` makes one"
                                : "every fit has seen all runs of the study");
  }
  const int code = printer.End();
  return worst != kExitOk ? worst : code;
}

}  // namespace

void AddFitsRefresh(CommandTree& tree) {
  auto options = std::make_shared<RefreshOptions>();
  CLI::App* command = tree.AddCommand(
      tree.Noun("fits"), "refresh", "make fits again that predate runs of their study",
      {"sextant fits refresh --study mine", "sextant fits refresh --study mine --law lr-power-nd --all"});
  command->add_option("--study", options->study, "the study")->type_name("ID")->required();
  command->add_option("--law", options->laws, "only fits of this law; may be given again")
      ->type_name("ID")
      ->allow_extra_args(false);
  command->add_flag("--all", options->all, "fits that have seen every run too");
  tree.SetRun(command, [options](Session& session) { return RunRefresh(session, *options); });
}

}  // namespace sextant::cli
