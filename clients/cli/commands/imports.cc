// SPDX-License-Identifier: Apache-2.0
// Imports, told by the file that runs came from: listing them, and undoing one that was wrong.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <map>
#include <memory>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/paging.h"
#include "clients/cli/commands/run_filter.h"
#include "clients/cli/output/json.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/run_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using google::protobuf::Timestamp;
using v1::RunService;

struct ImportOfFile {
  std::int64_t runs = 0;
  Timestamp first, last;
};

// "runs.csv:12" as "runs.csv"; a source without a line is its own file.
std::string FileOf(const std::string& source) {
  const std::size_t colon = source.rfind(':');
  const bool line = colon != std::string::npos && colon + 1 < source.size() &&
                    source.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  return line ? source.substr(0, colon) : source;
}

int ReadImports(Session& session, const std::string& study, std::map<std::string, ImportOfFile>* imports) {
  v1::ListRunsRequest request;
  request.set_parent(StudyName(study));
  request.set_page_size(10'000);
  for (const char* path : {"source", "create_time"}) request.mutable_read_mask()->add_paths(path);
  return ForEachPage(session, &RunService::Stub::ListRuns, request, [&](const v1::ListRunsResponse& page) {
    for (const v1::Run& run : page.runs()) {
      ImportOfFile& import = (*imports)[FileOf(run.source())];
      if (import.runs++ == 0) import.first = import.last = run.create_time();
      if (run.create_time() < import.first) import.first = run.create_time();
      if (import.last < run.create_time()) import.last = run.create_time();
    }
    return true;
  });
}

void PutImport(const std::string& file, const ImportOfFile& import, const Session& session, bool* begun) {
  const OutputFormat format = session.globals().output;
  std::string out;
  if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    out = DelimitedLine({file, std::to_string(import.runs), TimeText(import.first), TimeText(import.last)},
                        format == OutputFormat::kTsv ? '\t' : ',');
  } else {
    out = "{\"source\": " + QuotedJson(file) + ", \"runs\": " + std::to_string(import.runs) +
          ", \"first\": \"" + TimeText(import.first) + "\", \"last\": \"" + TimeText(import.last) + "\"}";
    out = format == OutputFormat::kJsonl ? out + "\n" : (*begun ? ",\n " : "\n ") + out;
  }
  *begun = true;
  std::fwrite(out.data(), 1, out.size(), stdout);
}

int ListImports(Session& session, const std::string& study) {
  if (const int code = session.Connect(); code != kExitOk) return code;
  std::map<std::string, ImportOfFile> imports;
  if (const int code = ReadImports(session, study, &imports); code != kExitOk) return code;
  std::vector<std::pair<std::string, ImportOfFile>> newest(imports.begin(), imports.end());
  std::stable_sort(newest.begin(), newest.end(),
                   [](const auto& a, const auto& b) { return b.second.last < a.second.last; });
  const OutputFormat format = session.globals().output;
  if (format == OutputFormat::kTable || format == OutputFormat::kMarkdown) {
    TextTable table({{"source", false}, {"runs", true}, {"first", false}, {"last", false}});
    for (const auto& [file, import] : newest) {
      table.Add({Safe(file.empty() ? "(not known)" : file), std::to_string(import.runs),
                 TimeText(import.first), TimeText(import.last)});
    }
    if (table.empty()) {
      session.Note("nothing there");
    } else {
      PrintTable(session, table);
    }
    return FlushStdout(session);
  }
  bool begun = false;
  if (format == OutputFormat::kJson) std::fputs("[", stdout);
  if (format == OutputFormat::kCsv) std::fputs("source,runs,first,last\n", stdout);
  if (format == OutputFormat::kTsv) std::fputs("source\truns\tfirst\tlast\n", stdout);
  for (const auto& [file, import] : newest) PutImport(file, import, session, &begun);
  if (format == OutputFormat::kJson) std::fputs(begun ? "\n]\n" : "]\n", stdout);
  return FlushStdout(session);
}

struct UndoOptions {
  std::string study, source;
  bool yes = false;
};

int UndoImport(Session& session, const UndoOptions& options) {
  v1::DeleteRunsRequest request;
  request.set_parent(StudyName(options.study));
  // Text compares byte by byte, and ';' follows ':': every "FILE:LINE", and nothing else.
  const std::string file = options.source;
  request.set_filter("source = " + QuotedForFilter(file) + " OR (source >= " + QuotedForFilter(file + ":") +
                     " AND source < " + QuotedForFilter(file + ";") + ")");
  request.set_validate_only(!options.yes);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::DeleteRunsResponse response;
  if (const int code = session.Call(&RunService::Stub::DeleteRuns, request, &response); code != kExitOk)
    return code;
  const std::string runs =
      std::to_string(response.run_count()) + (response.run_count() == 1 ? " run" : " runs");
  if (response.run_count() == 0) {
    return session.FailLocal("no run of study \"" + Safe(options.study) + "\" came from " + Safe(file),
                             "see `sextant imports list --study " + Safe(options.study) + "`");
  }
  if (!options.yes) {
    return session.FailUsage("this would delete the " + runs + " that came from " + Safe(file) +
                                 ", with their curves; fits stay as they are",
                             "say so with --yes");
  }
  session.Note("deleted the " + runs + " that came from " + Safe(file));
  return WantsJson(session) ? PrintJson(session, response) : kExitOk;
}

}  // namespace

void AddImports(CommandTree& tree) {
  CLI::App* noun = tree.Noun("imports");
  {
    auto study = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(noun, "list", "the files that a study's runs came from, newest first",
                                        {"sextant imports list --study mine"});
    command->add_option("--study", *study, "the study")->type_name("ID")->required();
    tree.SetRun(command, [study](Session& session) { return ListImports(session, *study); });
  }
  auto options = std::make_shared<UndoOptions>();
  CLI::App* command = tree.AddCommand(noun, "undo", "delete the runs that came from one file",
                                      {"sextant imports undo runs.csv --study mine --yes"});
  command->add_option("SOURCE", options->source, "as `sextant imports list` shows it")->required();
  command->add_option("--study", options->study, "the study")->type_name("ID")->required();
  command->add_flag("-y,--yes", options->yes, "really");
  tree.SetRun(command, [options](Session& session) { return UndoImport(session, *options); });
}

}  // namespace sextant::cli
