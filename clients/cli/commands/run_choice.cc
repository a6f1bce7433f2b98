// SPDX-License-Identifier: Apache-2.0
// Taking runs out: out of the study (delete), or out of its fits alone (exclude), and in again (include).
#include <memory>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/deletion.h"
#include "clients/cli/commands/run_filter.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/run_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::RunService;

struct ChoiceOptions {
  std::string study, run, filter, reason;
  bool yes = false, dry_run = false;
};

// The request's parent and filter, from a run's name or from --study and --filter.
template <typename Request>
int Choose(const Session& session, const ChoiceOptions& options, Request* request) {
  if (options.run.empty() == options.filter.empty()) {
    return session.FailUsage("which runs?", "give one RUN, or --filter FILTER with --study ID");
  }
  if (options.run.empty()) {
    if (options.study.empty()) return session.FailUsage("--filter needs --study ID");
    request->set_parent(StudyName(options.study));
    request->set_filter(options.filter);
    return kExitOk;
  }
  const std::string name = ChildName("runs", options.study, options.run);
  if (name.empty()) {
    return session.FailUsage("which study is run '" + Safe(options.run) + "' in?",
                             "give --study ID, or the run as STUDY/RUN or studies/STUDY/runs/RUN");
  }
  request->set_parent(name.substr(0, name.find("/runs/")));
  request->set_filter("run_id = " + QuotedForFilter(IdOf(name)));
  return kExitOk;
}

std::string Runs(int count) { return std::to_string(count) + (count == 1 ? " run" : " runs"); }

int DeleteOneRun(Session& session, const ChoiceOptions& options) {
  v1::DeleteRunRequest request;
  request.set_name(ChildName("runs", options.study, options.run));
  if (request.name().empty()) {
    return session.FailUsage("which study is run '" + Safe(options.run) + "' in?",
                             "give --study ID, or the run as STUDY/RUN or studies/STUDY/runs/RUN");
  }
  return DeleteOne(session, &RunService::Stub::DeleteRun, request, "runs",
                   options.study.empty() ? options.run : options.study + "/" + options.run,
                   "deleting a run deletes its curve", options.yes);
}

int DeleteRuns(Session& session, const ChoiceOptions& options) {
  if (!options.run.empty() && options.filter.empty() && !options.dry_run) {
    return DeleteOneRun(session, options);
  }
  v1::DeleteRunsRequest request;
  if (const int code = Choose(session, options, &request); code != kExitOk) return code;
  request.set_validate_only(options.dry_run || !options.yes);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::DeleteRunsResponse response;
  if (const int code = session.Call(&RunService::Stub::DeleteRuns, request, &response); code != kExitOk)
    return code;
  if (options.dry_run) {
    session.Note("would delete " + Runs(response.run_count()));
  } else if (!options.yes) {
    return session.FailUsage("this would delete " + Runs(response.run_count()) + " with their curves",
                             "say so with --yes");
  } else {
    session.Note("deleted " + Runs(response.run_count()));
  }
  return WantsJson(session) ? PrintJson(session, response) : kExitOk;
}

int ExcludeRuns(Session& session, const ChoiceOptions& options, bool include) {
  v1::ExcludeRunsRequest request;
  if (const int code = Choose(session, options, &request); code != kExitOk) return code;
  request.set_reason(options.reason);
  request.set_include(include);
  request.set_validate_only(options.dry_run);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ExcludeRunsResponse response;
  if (const int code = session.Call(&RunService::Stub::ExcludeRuns, request, &response); code != kExitOk)
    return code;
  if (response.run_count() == 0) {
    return session.FailLocal("no run of " + Safe(request.parent()) + " is meant by that",
                             "see `sextant runs list`");
  }
  session.Note((options.dry_run ? "would take " : "took ") + Runs(response.run_count()) +
               (include ? " into the study's fits again" : " out of the study's later fits"));
  return WantsJson(session) ? PrintJson(session, response) : kExitOk;
}

void AddChoice(CLI::App* command, ChoiceOptions* options) {
  command->add_option("RUN", options->run, "its id with --study, or STUDY/RUN");
  command->add_option("--study", options->study, "the study")->type_name("ID");
  command
      ->add_option("--filter", options->filter,
                   "instead of RUN: every run that it lets in, as in `runs list`")
      ->type_name("FILTER");
  command->add_flag("--dry-run", options->dry_run, "say how many runs are meant, and change nothing");
}

}  // namespace

void AddRunChoices(CommandTree& tree) {
  CLI::App* noun = tree.Noun("runs");
  {
    auto options = std::make_shared<ChoiceOptions>();
    CLI::App* command =
        tree.AddCommand(noun, "delete", "delete runs and their curves",
                        {"sextant runs delete mine/d128-lr0.001 --yes",
                         "sextant runs delete --study mine --filter 'tokens < 1e8' --dry-run"});
    AddChoice(command, options.get());
    command->add_flag("-y,--yes", options->yes, "really");
    tree.SetRun(command, [options](Session& session) { return DeleteRuns(session, *options); });
  }
  {
    auto options = std::make_shared<ChoiceOptions>();
    CLI::App* command =
        tree.AddCommand(noun, "exclude", "keep runs, but out of later fits",
                        {"sextant runs exclude mine/d128-lr0.001 --reason 'node failed at step 900'",
                         "sextant runs list --study mine --filter labels:excluded"});
    AddChoice(command, options.get());
    command->add_option("--reason", options->reason, "why, for whoever reads the fit")
        ->type_name("TEXT")
        ->required();
    tree.SetRun(command, [options](Session& session) { return ExcludeRuns(session, *options, false); });
  }
  {
    auto options = std::make_shared<ChoiceOptions>();
    CLI::App* command = tree.AddCommand(noun, "include", "take excluded runs into later fits again",
                                        {"sextant runs include mine/d128-lr0.001"});
    AddChoice(command, options.get());
    tree.SetRun(command, [options](Session& session) { return ExcludeRuns(session, *options, true); });
  }
}

}  // namespace sextant::cli
