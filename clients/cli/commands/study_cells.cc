// SPDX-License-Identifier: Apache-2.0
// Cells of a sweep and what to know before trusting them.
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/run_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::Cell;
using v1::LabelRunsResponse;

std::vector<RecordColumn> CellColumns() {
  const auto number = [](const char* name, const char* title, double (Cell::*get)() const) {
    return MakeColumn<Cell>(
        name, title, true, true, [get](const Cell& cell) { return FormatCount((cell.*get)()); },
        [get](const Cell& cell) { return FormatRoundTrip((cell.*get)()); });
  };
  const auto count = [](const char* name, const char* title, std::int32_t (Cell::*get)() const) {
    const auto text = [get](const Cell& cell) { return std::to_string((cell.*get)()); };
    return MakeColumn<Cell>(name, title, true, true, text, text);
  };
  const auto labels = [](const Cell& cell) {
    std::string text;
    for (const std::string& label : cell.labels()) text += (text.empty() ? "" : ";") + label;
    return text;
  };
  return {number("params", "params", &Cell::params), number("tokens", "tokens", &Cell::tokens),
          count("runs", "runs", &Cell::runs), count("runs_diverged", "diverged", &Cell::runs_diverged),
          MakeColumn<Cell>("labels", "labels", false, true, labels, labels)};
}

int RunLabel(Session& session, const std::string& study, bool keep) {
  v1::LabelRunsRequest request;
  request.set_parent(StudyName(study));
  request.set_validate_only(!keep);
  if (const int code = session.Connect(); code != kExitOk) return code;
  LabelRunsResponse response;
  const int code = session.Call(&v1::RunService::Stub::LabelRuns, request, &response);
  if (code != kExitOk) return code;
  if (WantsJson(session)) return PrintJson(session, response);
  RecordPrinter printer(session, CellColumns(), Cell::descriptor(), false);
  if (const int begun = printer.Begin(); begun != kExitOk) return begun;
  for (const Cell& cell : response.cells()) printer.Add(cell);
  if (const int ended = printer.End(); ended != kExitOk) return ended;
  if (response.cells_size() < response.cell_count()) {
    session.Note("the first " + std::to_string(response.cells_size()) + " of " +
                 std::to_string(response.cell_count()) + " cells");
  }
  std::string counts;
  for (const auto& [label, runs] :
       std::map<std::string, int>(response.runs_by_label().begin(), response.runs_by_label().end())) {
    counts += (counts.empty() ? "" : ", ") + Safe(label) + " " + std::to_string(runs);
  }
  session.Note("labels of " + std::to_string(response.run_count()) +
               " runs: " + (counts.empty() ? "none" : counts));
  return kExitOk;
}

}  // namespace

void AddStudyCells(CommandTree& tree) {
  CLI::App* noun = tree.Noun("studies");
  const auto add = [&](const char* verb, const char* summary, const std::vector<std::string>& examples,
                       bool keep) {
    auto id = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(noun, verb, summary, examples);
    command->add_option("ID", *id, "the study")->required();
    tree.SetRun(command, [id, keep](Session& session) { return RunLabel(session, *id, keep); });
  };
  add("cells", "runs of each N and D, and what speaks against trusting them",
      {"sextant studies cells pile-sweep", "sextant studies cells pile-sweep -o csv"}, false);
  add("label", "label the runs of a study by what the sweep says; fits do so too",
      {"sextant studies label pile-sweep",
       "sextant runs list --study pile-sweep --filter 'labels:diverged OR labels:edge-of-grid'"},
      true);
}

}  // namespace sextant::cli
