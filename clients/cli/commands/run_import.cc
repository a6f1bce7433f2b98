// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>

#include "base/edit_distance.h"
#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/import_explain.h"
#include "clients/cli/commands/import_inputs.h"
#include "clients/cli/commands/study_header.h"
#include "clients/cli/commands/study_words.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/upload/import_sink.h"
#include "clients/importers/import.h"
#include "clients/importers/text.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct ImportResult {
  std::int64_t accepted = 0, duplicate = 0, rejected = 0;
  std::vector<importers::Reject> rejects;
};

std::string ResultJson(const ImportResult& result, bool indent) {
  rapidjson::StringBuffer buffer;
  const auto write = [&](auto& writer) {
    writer.StartObject();
    const auto number = [&](const char* key, std::int64_t value) {
      writer.Key(key);
      writer.Int64(value);
    };
    number("accepted", result.accepted);
    number("duplicate", result.duplicate);
    number("rejected", result.rejected);
    writer.Key("rejects");
    writer.StartArray();
    for (const importers::Reject& reject : result.rejects) {
      writer.StartObject();
      writer.Key("source");
      writer.String(reject.source.c_str());
      number("line", reject.line);
      writer.Key("reason");
      writer.String(reject.reason.c_str());
      writer.EndObject();
    }
    writer.EndArray();
    writer.EndObject();
  };
  if (indent) {
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
    writer.SetIndent(' ', 1);
    write(writer);
  } else {
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    write(writer);
  }
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

int PrintResult(const Session& session, const ImportResult& result) {
  constexpr std::size_t kShown = 20;
  const OutputFormat format = session.globals().output;
  std::string out;
  if (format == OutputFormat::kJson || format == OutputFormat::kJsonl) {
    out = ResultJson(result, format == OutputFormat::kJson);
  } else if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    const char delimiter = format == OutputFormat::kTsv ? '\t' : ',';
    out = DelimitedLine({"accepted", "duplicate", "rejected"}, delimiter) +
          DelimitedLine({std::to_string(result.accepted), std::to_string(result.duplicate),
                         std::to_string(result.rejected)},
                        delimiter);
  } else {
    TextTable counts({{"accepted", true}, {"duplicate", true}, {"rejected", true}});
    counts.Add(
        {std::to_string(result.accepted), std::to_string(result.duplicate), std::to_string(result.rejected)});
    TextTable rejects({{"rejected", false}, {"reason", false}});
    for (std::size_t i = 0; i < result.rejects.size() && i < kShown; ++i) {
      const importers::Reject& reject = result.rejects[i];
      rejects.Add({Safe(reject.source) + (reject.line > 0 ? ":" + std::to_string(reject.line) : ""),
                   Safe(reject.reason)});
    }
    const bool markdown = format == OutputFormat::kMarkdown;
    out = markdown ? counts.RenderMarkdown() : counts.Render(session.color_stdout());
    if (!rejects.empty())
      out += "\n" + (markdown ? rejects.RenderMarkdown() : rejects.Render(session.color_stdout()));
    if (result.rejected > static_cast<std::int64_t>(kShown)) {
      out += fmt::format("… and {} more; -o json lists them\n",
                         result.rejected - static_cast<std::int64_t>(kShown));
    }
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return FlushStdout(session);
}

// Looks the study up, or makes it, and says which parameter count its laws use. What the input says of its
// study (`header`) holds where no flag says otherwise.
int PrepareStudy(Session& session, const ImportFlags& flags, const v1::Study& header,
                 importers::ImportOptions* options) {
  v1::GetStudyRequest request;
  request.set_name(StudyName(flags.study));
  v1::Study study;
  grpc::Status status = session.TryCall(&v1::StudyService::Stub::GetStudy, request, &study);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND && flags.create_study) {
    v1::CreateStudyRequest create;
    create.set_study_id(IdOf(flags.study));
    v1::Study flagged;
    if (const int code = ReadDeclared(session, flags.declared, &flagged); code != kExitOk) return code;
    *create.mutable_study() = header;
    *create.mutable_study()->mutable_variables() = flagged.variables();
    *create.mutable_study()->mutable_objectives() = flagged.objectives();
    DeclareMissing(header, flagged, create.mutable_study());
    status = session.TryCall(&v1::StudyService::Stub::CreateStudy, create, &study);
    if (status.ok()) session.Note("created study " + Safe(IdOf(flags.study)));
  } else if (status.ok()) {
    v1::UpdateStudyRequest update;
    update.mutable_study()->set_name(StudyName(flags.study));
    if (const int code = ReadDeclared(session, flags.declared, update.mutable_study()); code != kExitOk)
      return code;
    v1::Study known = study;
    known.MergeFrom(update.study());
    if (DeclareMissing(header, known, update.mutable_study()))
      session.Note("the study also declares what the file says that its own does");
    if (update.study().variables_size() + update.study().objectives_size() > 0)
      status = session.TryCall(&v1::StudyService::Stub::UpdateStudy, update, &study);
    if (header.loss_unit() != v1::LOSS_UNIT_UNSPECIFIED && header.loss_unit() != study.loss_unit()) {
      return session.FailLocal("the losses of the file are in " + LossUnitWord(header.loss_unit()) +
                                   ", those of study " + Safe(IdOf(flags.study)) + " in " +
                                   LossUnitWord(study.loss_unit()),
                               "import them into a study of their unit");
    }
  }
  if (!status.ok()) {
    Failure failure = FromServer(status, session.globals().server);
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
      failure.advice =
          "create it with `sextant studies create " + Safe(IdOf(flags.study)) + "`, or add --create-study";
    }
    return Interrupted() ? session.FailServer(status) : session.Fail(failure);
  }
  options->required_params = ParamsFieldOf(study.param_count());
  options->variables = DeclaredNames(study);
  options->bits_per_byte = study.loss_unit() == v1::BITS_PER_BYTE;
  return kExitOk;
}

int ReadFiles(Session& session, const ImportFlags& flags, const importers::ExpandedInputs& found,
              importers::ImportOptions options, ImportSink& sink) {
  std::unique_ptr<importers::CurveFile> curves;
  if (!flags.curves.empty()) {
    auto opened = importers::CurveFile::Open(flags.curves);
    if (!opened.ok()) return session.Fail(FromLocal(opened.status()));
    curves = *std::move(opened);
    options.curves = curves.get();
  }
  const bool several = found.inputs.size() > 1 || (!found.inputs.empty() && found.inputs[0].found);
  InputReports reports(session, several);
  for (const importers::PassedOver& item : found.failed) sink.AddReject({item.path, 0, item.why});
  for (const importers::PassedOver& item : found.passed_over) reports.Add(item);
  for (const importers::Input& input : found.inputs) {
    const auto report = importers::ImportInput(input, options, sink);
    if (report.ok()) {
      reports.Add(*report);
      continue;
    }
    if (absl::IsCancelled(report.status())) return kExitOk;  // the upload says why
    if (several) {
      // One file among several does not stop the others.
      sink.AddReject({Printable(input.path), 0, std::string(report.status().message())});
      continue;
    }
    const bool mapping = absl::IsInvalidArgument(report.status()) && options.format == "auto";
    return session.Fail(FromLocal(report.status(), mapping ? "see `sextant runs import --help`" : ""));
  }
  reports.Finish();
  if (curves) curves->RejectUnclaimed(!options.map.empty(), sink);
  return kExitOk;
}

int Conclude(const Session& session, const ImportFlags& flags, const ImportResult& result) {
  if (const int code = PrintResult(session, result); code != kExitOk) return code;
  if (flags.strict && result.rejected > 0) return kExitRejects;
  if (result.accepted > 0) return kExitOk;
  if (result.duplicate > 0) {
    session.Note(fmt::format("nothing added: all {} runs were there already", result.duplicate));
    return kExitOk;
  }
  return session.FailLocal(result.rejected > 0 ? "no run was accepted" : "there are no runs in the input",
                           result.rejected > 0 ? "the reasons stand above" : "");
}

// Whether every --map and --set names a field that any study has.
bool AreStandard(const ImportFlags& flags) {
  for (const auto* texts : {&flags.maps, &flags.sets}) {
    for (const std::string& text : *texts) {
      if (!importers::ParseFieldMapping(text).ok()) return false;
    }
  }
  return true;
}

int FillOptions(const Session& session, const ImportFlags& flags, importers::ImportOptions* options) {
  options->format = flags.format;
  options->step_offset = flags.step_offset.value_or(0);
  const std::vector<std::string> formats = importers::FormatNames();
  if (flags.format != "auto" && std::find(formats.begin(), formats.end(), flags.format) == formats.end()) {
    const std::string nearest = Nearest(flags.format, formats);
    return session.FailUsage("there is no format '" + Safe(flags.format) + "'" +
                             (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
  }
  for (const auto& [texts, fields] :
       {std::pair(&flags.maps, &options->map), std::pair(&flags.sets, &options->set)}) {
    for (const std::string& text : *texts) {
      auto mapping =
          importers::ParseFieldMapping(text, fields == &options->map ? "--map" : "--set", options->variables);
      if (!mapping.ok()) return session.FailUsage(std::string(mapping.status().message()));
      if (fields == &options->set) {
        if (const auto number = ParseNumber(mapping->column)) mapping->column = FormatRoundTrip(*number);
      }
      fields->push_back(*std::move(mapping));
    }
  }
  for (const std::string& text : flags.metrics) {
    auto rule = importers::ParseMetricRule(text);
    if (!rule.ok()) return session.FailUsage(std::string(rule.status().message()));
    options->metrics.push_back(*std::move(rule));
  }
  return kExitOk;
}

int RunImport(Session& session, ImportFlags flags) {
  importers::ImportOptions options;
  if (const int code = ApplyRecipe(session, &flags); code != kExitOk) return code;
  if (flags.files.empty() && flags.files_from.empty())
    return session.FailUsage("name a file, a folder or - for standard input, or give --files-from");
  // What the study declares is known once it is asked; other mistakes are told before.
  const bool standard = AreStandard(flags) || flags.study.empty();
  v1::Study declares;
  if (const int code = ReadDeclared(session, flags.declared, &declares); code != kExitOk) return code;
  options.variables = DeclaredNames(declares);
  if (standard || flags.explain) {
    if (const int code = FillOptions(session, flags, &options); code != kExitOk) return code;
  }
  if (flags.explain) return ExplainImport(session, flags, options);
  if (flags.study.empty()) return session.FailUsage("--study is required");
  importers::ExpandedInputs found;
  if (const int code = FindInputs(session, flags, &found); code != kExitOk) return code;
  v1::Study header;
  FindStudyHeader(found.inputs, &header);
  if (const int code = session.Connect(); code != kExitOk) return code;
  if (const int code = PrepareStudy(session, flags, header, &options); code != kExitOk) return code;
  if (!standard) {
    if (const int code = FillOptions(session, flags, &options); code != kExitOk) return code;
  }
  const std::string parent = StudyName(flags.study);
  auto upload_id = UploadIdOf(flags, found.inputs, options.required_params);
  if (!upload_id.ok()) return session.Fail(FromLocal(upload_id.status()));
  v1::Upload begun;
  if (!upload_id->empty() && GetUpload(session, parent, *upload_id, &begun).ok() && begun.complete()) {
    // Imported before: send everything again under no id, so that the counts are those of this import.
    upload_id->clear();
    begun.Clear();
  }
  if (begun.next_chunk() > 0)
    session.Note(fmt::format("going on with an interrupted import at chunk {}", begun.next_chunk()));

  Uploader uploader(session, parent, *upload_id, begun.next_chunk());
  Progress progress(session, TotalBytes(found.inputs));
  std::int64_t bytes_read = 0;
  options.bytes_read = &bytes_read;
  ImportSink sink(session, &uploader, &progress, &bytes_read);
  if (const int code = ReadFiles(session, flags, found, options, sink); code != kExitOk) {
    uploader.Cancel();
    return code;
  }
  const grpc::Status status = uploader.Finish();
  const UploadTotals& totals = uploader.totals();
  if (!status.ok()) {
    const std::int64_t kept = totals.accepted + totals.duplicate;
    if (kept > 0) {
      session.Note(fmt::format("{} runs are stored; the same command again goes on from there", kept));
    }
    return session.FailServer(status);
  }
  ImportResult result{totals.accepted, totals.duplicate, totals.rejected + sink.rejected(), sink.rejects()};
  for (const importers::Reject& reject : totals.rejects) {
    if (result.rejects.size() < kMaxRejectsKept) result.rejects.push_back(reject);
  }
  return Conclude(session, flags, result);
}

}  // namespace

void AddRunImport(CommandTree& tree) {
  CLI::App* noun = tree.Noun("runs");
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* command =
      tree.AddCommand(noun, "import", "bring runs in from files",
                      {"sextant runs import runs.csv --study mine",
                       "sextant runs import sweep.csv --study mine --map params_non_embedding=N --map "
                       "tokens=D --map learning_rate=lr "
                       "--map loss_nats=final_loss",
                       "sextant runs import runs.csv --curves curves.csv --study mine --create-study",
                       "sextant runs import mixes.csv --study mixes --create-study --variable r:share --map "
                       "r=ratio --map loss_nats=loss",
                       "sextant runs import main.log --study mine --set params_non_embedding=124M --set "
                       "batch_size_tokens=524288",
                       "sextant runs import experiments/ --study mine --set batch_size_tokens=2^19",
                       "sextant runs import --explain wandb/ --write-recipe mine.recipe",
                       "sextant runs import wandb/ --study mine --recipe mine.recipe",
                       "sextant runs import 'lightning_logs/**/metrics.csv' --study mine",
                       "cat runs.jsonl | sextant runs import - --study mine --format jsonl -o json"});
  command->add_option(
      "FILE", flags->files,
      "tables or JSON lines of runs, training logs, databases, folders of them, patterns with * "
      "and **; - for standard input");
  command
      ->add_option("--files-from", flags->files_from,
                   "a list of such names, one a line; - for standard input")
      ->type_name("FILE");
  command->add_option("--study", flags->study, "the study the runs belong to; needed except with --explain")
      ->type_name("ID");
  command->add_flag("--create-study", flags->create_study, "create the study if it is not there");
  AddDeclaredFlags(command, &flags->declared);
  std::string formats = "auto";
  for (const std::string& name : importers::FormatNames()) formats += ", " + name;
  command->add_option("--format", flags->format, "format of the files: " + formats)
      ->type_name("NAME")
      ->capture_default_str();
  command
      ->add_option("--map", flags->maps,
                   "take FIELD from COLUMN as it stands; columns without --map are then ignored")
      ->type_name("FIELD=COLUMN")
      ->allow_extra_args(false);
  command
      ->add_option("--set", flags->sets,
                   "a value for every run whose source does not say: --set params_total=124M")
      ->type_name("FIELD=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("--metric", flags->metrics,
                   "take the logged NAME (with * and ?) as train_loss, validation_loss, learning_rate, "
                   "tokens, samples, "
                   "gradient_noise_scale or ignore")
      ->type_name("NAME=QUANTITY")
      ->allow_extra_args(false);
  AddWholeNumber(command, "--step-offset", &flags->step_offset, -1'000'000'000, 1'000'000'000,
                 "added to a log's steps: 1 where they count from 0");
  command
      ->add_option("--curves", flags->curves,
                   "CSV of curves: run_id, step, tokens, train_loss, validation_loss, …")
      ->type_name("FILE");
  command->add_flag(
      "--explain", flags->explain,
      "store nothing: say how each file is read, what is taken of it, and what would take more");
  command
      ->add_option(
          "--recipe", flags->recipe,
          "read further flags from FILE: lines `format NAME`, `map …`, `set …`, `metric …`, `step-offset N`")
      ->type_name("FILE");
  command
      ->add_option("--write-recipe", flags->write_recipe,
                   "with --explain: write such a file of what was found")
      ->type_name("FILE");
  command->add_flag("--strict", flags->strict, "exit 3 if any record is rejected");
  tree.SetRun(command, [flags](Session& session) { return RunImport(session, *flags); });
}

}  // namespace sextant::cli
