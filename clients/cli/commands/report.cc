// SPDX-License-Identifier: Apache-2.0
// A study as one HTML file.
#include <cstring>
#include <memory>

#include "base/whole_file.h"
#include "clients/cli/commands/command_tree.h"
#include "server/report/report_data.h"

namespace sextant::cli {
namespace {

struct ReportOptions {
  std::string study, out;
};

int RunReport(Session& session, const ReportOptions& options) {
  if (server::report::ReportPage("{}").empty()) {
    return session.FailLocal(
        "this sextant was built without the page that reports are made of",
        "install npm and build again with `./quickstart --web`; `fits show --svg FILE` and "
        "`predict --svg FILE` draw charts without it");
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  server::report::ReportRequest request;
  request.study = StudyName(options.study);
  request.metadata = session.CallMetadata();
  request.cancelled = [] { return Interrupted(); };
  std::string json;
  const grpc::Status status = server::report::CollectReport(session.channel(), request, &json);
  if (!status.ok()) return session.FailServer(status);
  WholeFile file(options.out, Existing::kReplace);
  file.Write(server::report::ReportPage(json));
  if (!file.Publish()) {
    return session.FailLocal("cannot write " + Safe(options.out) + ": " + std::strerror(file.error()));
  }
  session.Note("wrote " + Safe(options.out) + ": a page that any browser opens, with nothing to load");
  return kExitOk;
}

}  // namespace

void AddReport(CommandTree& tree) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = tree.AddCommand(nullptr, "report", "a study and its fits as one HTML file",
                                      {"sextant report --study mine --out mine.html"});
  command->add_option("--study", options->study, "the study")->type_name("ID")->required();
  command->add_option("--out", options->out, "the file; one that is there is replaced")
      ->type_name("FILE")
      ->required();
  tree.SetRun(command, [options](Session& session) { return RunReport(session, *options); });
}

}  // namespace sextant::cli
