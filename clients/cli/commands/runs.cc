// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/curve_chart.h"
#include "clients/cli/commands/curve_rows.h"
#include "clients/cli/commands/declared.h"
#include "clients/cli/commands/paging.h"
#include "clients/cli/commands/plot_output.h"
#include "clients/cli/commands/run_columns.h"
#include "clients/cli/commands/study_runs.h"
#include "clients/cli/output/json.h"
#include "clients/cli/output/quantity.h"
#include "clients/importers/text.h"
#include "sextant/v1/run_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::Curve;
using v1::Run;
using v1::RunService;

constexpr int kPage = 1000;

struct ListOptions {
  std::string study, filter, order_by;
  std::optional<std::int64_t> limit;
};

// What the study declares: columns of its runs.
int FindDeclared(Session& session, const std::string& study, std::vector<std::string>* declared) {
  v1::GetStudyRequest request;
  request.set_name(StudyName(study));
  v1::Study found;
  const int code = session.Call(&v1::StudyService::Stub::GetStudy, request, &found);
  *declared = DeclaredNames(found);
  return code;
}

int ListRuns(Session& session, const ListOptions& options) {
  if (const int code = session.Connect(); code != kExitOk) return code;
  std::vector<std::string> declared;
  if (const int code = FindDeclared(session, options.study, &declared); code != kExitOk) return code;
  RecordPrinter printer(session, RunColumns(declared), Run::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  v1::ListRunsRequest request;
  request.set_parent(StudyName(options.study));
  request.set_filter(options.filter);
  request.set_order_by(options.order_by);
  std::int64_t left = options.limit.value_or(INT64_MAX);
  request.set_page_size(static_cast<int>(std::min<std::int64_t>(kPage, left)));
  const int code =
      ForEachPage(session, &RunService::Stub::ListRuns, request, [&](const v1::ListRunsResponse& page) {
        for (const Run& run : page.runs()) {
          if (left-- <= 0) return false;
          printer.Add(run);
        }
        return left > 0;
      });
  return code != kExitOk ? code : printer.End();
}

// The run's full name, or empty with the failure printed.
int ResolveRun(const Session& session, const std::string& study, const std::string& text, std::string* name) {
  *name = ChildName("runs", study, text);
  if (!name->empty()) return kExitOk;
  return session.FailUsage("which study is run '" + Safe(text) + "' in?",
                           "give --study ID, or the run as STUDY/RUN or studies/STUDY/runs/RUN");
}

int ShowRun(Session& session, const std::string& study, const std::string& text) {
  v1::GetRunRequest request;
  if (const int code = ResolveRun(session, study, text, request.mutable_name()); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  Run run;
  if (const int code = session.Call(&RunService::Stub::GetRun, request, &run); code != kExitOk) return code;
  std::vector<std::string> declared;
  for (const auto& [variable, value] : run.variables()) declared.push_back(variable);
  std::sort(declared.begin(), declared.end());
  return PrintRecord(session, RunColumns(declared), run);
}

int PrintCurve(const Session& session, const Curve& curve) {
  const OutputFormat format = session.globals().output;
  std::string out;
  if (format == OutputFormat::kJson || format == OutputFormat::kJsonl) {
    out = ToJson(curve, format == OutputFormat::kJson, session.globals().fields) + "\n";
  } else if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    const char delimiter = format == OutputFormat::kTsv ? '\t' : ',';
    out = DelimitedLine(CurveHeader(curve), delimiter);
    for (int i = 0; i < curve.step_size(); ++i)
      out += DelimitedLine(CurveRow(curve, i, curve, true), delimiter);
  } else {
    std::vector<TextColumn> titles;
    for (const std::string& name : CurveHeader(curve)) titles.push_back({name, true});
    TextTable table(std::move(titles));
    for (int i = 0; i < curve.step_size(); ++i) table.Add(CurveRow(curve, i, curve, false));
    out = format == OutputFormat::kMarkdown ? table.RenderMarkdown() : table.Render(session.color_stdout());
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return FlushStdout(session);
}

struct CurveOptions {
  std::string study, run, x = "step";
  bool linear_x = false, linear_y = false;
  PlotOptions plot;
};

int DrawCurve(Session& session, const CurveOptions& options, const std::string& name, const Curve& curve) {
  v1::GetStudyRequest request;
  request.set_name(name.substr(0, name.find("/runs/")));
  v1::Study study;
  if (const int code = session.Call(&v1::StudyService::Stub::GetStudy, request, &study); code != kExitOk)
    return code;
  if (options.x == "tokens" && curve.tokens().empty()) {
    return session.FailLocal("the curve does not say how many tokens its points had seen",
                             "leave out --x tokens");
  }
  const chart::Chart chart = CurveChart(IdOf(name), LossUnitText(study.loss_unit()), curve,
                                        {options.x == "tokens", options.linear_x, options.linear_y});
  if (chart.series.empty()) return session.FailLocal("the curve of " + Safe(name) + " holds no loss to draw");
  return PutCharts(session, options.plot, {chart});
}

int RunCurve(Session& session, const CurveOptions& options) {
  if (options.x != "step" && options.x != "tokens") return session.FailUsage("--x is step or tokens");
  if (const int code = CheckPlotOptions(session, options.plot); code != kExitOk) return code;
  v1::GetCurveRequest request;
  if (const int code = ResolveRun(session, options.study, options.run, request.mutable_name());
      code != kExitOk)
    return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  Curve curve;
  if (const int code = ReadCurve(session, request.name(), &curve); code != kExitOk) return code;
  // A chart stands for the table; what programs read they still get.
  if (options.plot.wanted()) {
    const int code = DrawCurve(session, options, request.name(), curve);
    if (code != kExitOk || session.globals().output == OutputFormat::kTable) return code;
  }
  return PrintCurve(session, curve);
}

}  // namespace

void AddRuns(CommandTree& tree) {
  CLI::App* noun = tree.Noun("runs");
  {
    auto options = std::make_shared<ListOptions>();
    CLI::App* command = tree.AddCommand(
        noun, "list", "list the runs of a study",
        {"sextant runs list --study mine", "sextant runs list --study mine --order-by loss_nats --limit 10",
         "sextant runs list --study mine --filter 'tokens >= 1e9 AND state = FINISHED' -o csv"});
    command->add_option("--study", options->study, "the study")->type_name("ID")->required();
    command->add_option("--filter", options->filter, "which runs: field, operator, value; AND, OR, NOT")
        ->type_name("FILTER");
    command->add_option("--order-by", options->order_by, "a field, with ' desc' for descending")
        ->type_name("FIELD");
    AddWholeNumber(command, "--limit", &options->limit, 1, 1'000'000'000, "at most this many");
    tree.SetRun(command, [options](Session& session) { return ListRuns(session, *options); });
  }
  const auto add_single = [&](const char* verb, const char* summary, const char* example,
                              int (*run)(Session&, const std::string&, const std::string&)) {
    auto study = std::make_shared<std::string>();
    auto name = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(noun, verb, summary, {example});
    command->add_option("RUN", *name, "its id with --study, or STUDY/RUN")->required();
    command->add_option("--study", *study, "the study")->type_name("ID");
    tree.SetRun(command, [=](Session& session) { return run(session, *study, *name); });
  };
  add_single("show", "show one run", "sextant runs show --study mine r-0123456789abcdef0123", ShowRun);
  auto options = std::make_shared<CurveOptions>();
  CLI::App* command = tree.AddCommand(noun, "curve", "print or draw a run's curve",
                                      {"sextant runs curve mine/d128-lr0.001 --plot",
                                       "sextant runs curve mine/d128-lr0.001 -o csv > curve.csv"});
  command->add_option("RUN", options->run, "its id with --study, or STUDY/RUN")->required();
  command->add_option("--study", options->study, "the study")->type_name("ID");
  AddPlotOptions(command, "the losses", &options->plot);
  command->add_option("--x", options->x, "of a chart: step or tokens")
      ->type_name("AXIS")
      ->capture_default_str();
  command->add_flag("--linear-x", options->linear_x, "a chart's x axis is not logarithmic");
  command->add_flag("--linear-y", options->linear_y, "a chart's y axis is not logarithmic");
  tree.SetRun(command, [options](Session& session) { return RunCurve(session, *options); });
}

}  // namespace sextant::cli
