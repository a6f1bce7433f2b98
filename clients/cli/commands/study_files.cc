// SPDX-License-Identifier: Apache-2.0
// A study into files and back.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/curve_rows.h"
#include "clients/cli/commands/declared.h"
#include "clients/cli/commands/output_file.h"
#include "clients/cli/commands/paging.h"
#include "clients/cli/commands/run_columns.h"
#include "clients/cli/commands/study_header.h"
#include "clients/cli/output/json.h"
#include "clients/cli/output/text_table.h"
#include "sextant/v1/run_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::cli {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;
constexpr int kRunsAPage = 500;
constexpr int kPointsAJsonLine = 300'000;  // about the 16 MiB that a line may have when it is imported

struct ExportOptions {
  std::string id, format = "sqlite", out;
};

int ExportSqlite(Session& session, const ExportOptions& options) {
  v1::ExportStudyRequest request;
  request.set_name(StudyName(options.id));
  return Download<v1::StudyService, v1::ExportStudyResponse>(session, options.out, request,
                                                             &v1::StudyService::Stub::ExportStudy);
}

/// Calls `each(run, curve)` for every run of the study, in order of id.
template <class Each>
int ForEachRun(Session& session, const std::string& study, Each each) {
  v1::ListRunsRequest request;
  request.set_parent(StudyName(study));
  request.set_page_size(kRunsAPage);
  int inner = kExitOk;
  const int code =
      ForEachPage(session, &v1::RunService::Stub::ListRuns, request, [&](const v1::ListRunsResponse& page) {
        for (const v1::Run& run : page.runs()) {
          v1::Curve curve;
          if (run.curve_point_count() > 0) inner = ReadCurve(session, run.name(), &curve);
          if (inner != kExitOk || !each(run, curve)) return false;
        }
        return true;
      });
  return code != kExitOk ? code : inner;
}

int ReadStudy(Session& session, const std::string& id, v1::Study* study) {
  v1::GetStudyRequest request;
  request.set_name(StudyName(id));
  return session.Call(&v1::StudyService::Stub::GetStudy, request, study);
}

int ExportJsonl(Session& session, const ExportOptions& options) {
  OutputFile out(options.out);
  if (!out.ok()) return out.Close(session);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::Study study;
  if (const int code = ReadStudy(session, options.id, &study); code != kExitOk) return code;
  if (const std::string header = StudyHeader(study); !header.empty()) out.Write(header + "\n");
  int too_long = 0;
  const int code = ForEachRun(session, options.id, [&](v1::Run run, const v1::Curve& curve) {
    too_long += curve.step_size() > kPointsAJsonLine;
    run.clear_name();
    if (curve.step_size() > 0) *run.mutable_curve() = curve;
    out.Write(ToJson(run, false, {}) + "\n");
    return out.ok();
  });
  if (too_long > 0) {
    session.Note(std::to_string(too_long) +
                 " lines are longer than `runs import` takes: --format sqlite has no such limit");
  }
  return code != kExitOk ? code : out.Close(session);
}

/// The keys of all tags, for one column each.
int TagKeys(Session& session, const std::string& study, std::set<std::string>* keys) {
  v1::ListRunsRequest request;
  request.set_parent(StudyName(study));
  request.set_page_size(kRunsAPage);
  return ForEachPage(session, &v1::RunService::Stub::ListRuns, request,
                     [keys](const v1::ListRunsResponse& page) {
                       for (const v1::Run& run : page.runs()) {
                         for (const auto& [key, value] : run.tags()) keys->insert(key);
                       }
                       return true;
                     });
}

int WriteCsv(Session& session, const ExportOptions& options) {
  OutputFile runs(options.out + "/runs.csv"), curves(options.out + "/curves.csv");
  if (!runs.ok()) return runs.Close(session);
  if (!curves.ok()) return curves.Close(session);
  if (const int code = session.Connect(); code != kExitOk) return code;
  std::set<std::string> tags;
  if (const int code = TagKeys(session, options.id, &tags); code != kExitOk) return code;
  // What the service fills in itself, and what has columns of its own, is left out.
  const std::set<std::string> left_out = {"name",   "run_id",     "tags", "curve_point_count",
                                          "source", "create_time"};
  v1::Study study;
  if (const int code = ReadStudy(session, options.id, &study); code != kExitOk) return code;
  const std::string header_of_study = StudyHeader(study);
  std::optional<OutputFile> about;
  if (!header_of_study.empty()) {
    about.emplace(options.out + "/" + kStudyFileName);
    if (!about->ok()) return about->Close(session);
    about->Write(header_of_study + "\n");
  }
  std::vector<RecordColumn> columns = RunColumns(DeclaredNames(study));
  std::erase_if(columns, [&](const RecordColumn& column) { return left_out.contains(column.name); });
  std::vector<std::string> header{"run_id"};
  for (const RecordColumn& column : columns) header.push_back(column.name);
  for (const std::string& key : tags) header.push_back("tags." + key);
  runs.Write(DelimitedLine(header, ','));
  const v1::Curve shape = EveryCurveColumn();
  header = CurveHeader(shape);
  header.insert(header.begin(), "run_id");
  curves.Write(DelimitedLine(header, ','));
  const int code = ForEachRun(session, options.id, [&](const v1::Run& run, const v1::Curve& curve) {
    std::vector<std::string> row{run.run_id()};
    for (const RecordColumn& column : columns) row.push_back(column.machine(run));
    for (const std::string& key : tags) {
      const auto found = run.tags().find(key);
      row.push_back(found == run.tags().end() ? "" : found->second);
    }
    runs.Write(DelimitedLine(row, ','));
    for (int i = 0; i < curve.step_size(); ++i) {
      row = CurveRow(curve, i, shape, true);
      row.insert(row.begin(), run.run_id());
      curves.Write(DelimitedLine(row, ','));
    }
    return runs.ok() && curves.ok();
  });
  if (code != kExitOk) return code;
  // All or none, as far as the disk is concerned.
  if (about && !about->Finish()) return about->Close(session);
  if (!runs.Finish()) return runs.Close(session);
  if (!curves.Finish()) return curves.Close(session);
  int closed = about ? about->Close(session) : kExitOk;
  if (closed == kExitOk) closed = runs.Close(session);
  return closed != kExitOk ? closed : curves.Close(session);
}

int ExportCsv(Session& session, const ExportOptions& options) {
  if (options.out == "-" || options.out.ends_with(".csv")) {
    return session.FailUsage("csv is several files, runs.csv and curves.csv, in the folder that --out names",
                             options.out == "-" ? "`sextant runs list -o csv` prints runs alone"
                                                : "name a folder, for example --out " +
                                                      Safe(options.out.substr(0, options.out.size() - 4)));
  }
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(options.out, error);
  if (error) {
    return session.FailLocal("cannot make the folder " + Safe(options.out) + ": " + error.message());
  }
  const int code = WriteCsv(session, options);
  if (code != kExitOk && is_new) std::filesystem::remove(options.out, error);  // it is empty
  return code;
}

int RunExport(Session& session, const ExportOptions& options) {
  using Export = int (*)(Session&, const ExportOptions&);
  const Export write = options.format == "sqlite"  ? &ExportSqlite
                       : options.format == "jsonl" ? &ExportJsonl
                       : options.format == "csv"   ? &ExportCsv
                                                   : nullptr;
  if (write != nullptr) {
    const int code = write(session, options);
    if (code == kExitOk) NoteWritten(session, options.out);
    return code;
  }
  return session.FailUsage("--format is sqlite, jsonl or csv, not '" + Safe(options.format) + "'");
}

int RunImport(Session& session, const std::string& path, const std::string& id) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    return session.Fail({kExitLocal, "cannot open " + Safe(path) + ": " + std::strerror(errno), {}, ""});
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> owner(file, std::fclose);
  if (const int code = session.Connect(); code != kExitOk) return code;
  const auto stub = v1::StudyService::NewStub(session.channel());
  grpc::ClientContext context;
  session.Prepare(&context, 0);
  const InterruptScope scope([&] { context.TryCancel(); });
  v1::Study study;
  const auto stream = stub->ImportStudy(&context, &study);
  v1::ImportStudyRequest piece;
  piece.set_study_id(id);
  while (true) {
    std::string& data = *piece.mutable_data();
    data.resize(kPieceBytes);
    data.resize(std::fread(data.data(), 1, data.size(), file));
    if (data.empty() || !stream->Write(piece)) break;
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) {
    if (Interrupted() || status.error_code() != grpc::StatusCode::INVALID_ARGUMENT) {
      return session.FailServer(status);
    }
    Failure failure = FromServer(status, session.globals().server);
    failure.advice =
        "take the file that `sextant studies export` wrote; if it was copied, copy it again whole";
    return session.Fail(failure);
  }
  session.Note("imported " + Safe(IdOf(study.name())) + ": " + std::to_string(study.run_count()) + " runs, " +
               std::to_string(study.fit_count()) + " fits");
  return kExitOk;
}

}  // namespace

void AddStudyFiles(CommandTree& tree) {
  CLI::App* noun = tree.Noun("studies");
  {
    auto options = std::make_shared<ExportOptions>();
    CLI::App* command = tree.AddCommand(noun, "export", "write a study to a file",
                                        {"sextant studies export pile-sweep --out pile-sweep.db",
                                         "sextant studies export pile-sweep --format jsonl --out - | sextant "
                                         "runs import - --study copy --create-study",
                                         "sextant studies export pile-sweep --format csv --out folder"});
    command->add_option("ID", options->id, "the study")->required();
    command->add_option("--out", options->out, "a new file, - for standard output; for csv a folder")
        ->type_name("PATH")
        ->required();
    command
        ->add_option("--format", options->format,
                     "sqlite: everything, fits too, a database of its own; jsonl: what the study declares, "
                     "then runs with "
                     "curves, a run a line; csv: runs.csv, curves.csv and, where the study declares "
                     "anything, study.json")
        ->type_name("NAME")
        ->capture_default_str();
    tree.SetRun(command, [options](Session& session) { return RunExport(session, *options); });
  }
  auto path = std::make_shared<std::string>();
  auto id = std::make_shared<std::string>();
  CLI::App* command = tree.AddCommand(
      noun, "import", "take a study in that was exported as sqlite",
      {"sextant studies import pile-sweep.db", "sextant studies import pile-sweep.db --id pile-sweep-2"});
  command->add_option("FILE", *path, "the file")->required();
  command->add_option("--id", *id, "the study's id here; its own if not given")->type_name("ID");
  tree.SetRun(command, [path, id](Session& session) { return RunImport(session, *path, *id); });
}

}  // namespace sextant::cli
