// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <vector>

#include "clients/importers/byte_source.h"
#include "clients/importers/emit.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/format.h"
#include "clients/importers/json.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

using rapidjson::Value;

// The last row sums the whole run up: its `train_loss` is a mean over all steps. With token counting every
// row has a runtime, so that one tells nothing.
constexpr MetricName kNames[] = {{"train_loss", Metric::kIgnored}};

// What the last row holds when the trainer has come to its end.
bool IsSummary(const Value& row) {
  return FindMember(row, "train_runtime") != nullptr && FindMember(row, "train_loss") != nullptr &&
         FindMember(row, "loss") == nullptr;
}

void AddRow(const Value& row, LogRun* log) {
  const Value* step = FindMember(row, "step");
  const auto at = step == nullptr ? std::nullopt : StepOf(JsonNumber(*step));
  if (!at) return;
  if (IsSummary(row)) log->SetEnd(ImportedState::kFinished);
  for (const auto& member : row.GetObject()) {
    const std::string_view name = JsonText(member.name);
    const auto value = JsonNumber(member.value);
    if (value && name != "step" && name != "epoch") log->AddPoint(name, *at, *value);
  }
}

std::optional<double> NumberOf(const Value& document, const char* key) {
  const Value* value = FindMember(document, key);
  return value == nullptr ? std::nullopt : JsonNumber(*value);
}

// What the state says next to its history, which may end before the last step.
void AddTotals(const Value& document, LogRun* log) {
  if (const auto steps = StepOf(NumberOf(document, "global_step")))
    log->SetStepsDone(static_cast<double>(*steps));
  if (const auto planned = NumberOf(document, "max_steps")) log->PlanSteps(*planned);
  const auto tokens = NumberOf(document, "num_input_tokens_seen"), flops = NumberOf(document, "total_flos");
  if (tokens && *tokens > 0) log->run().tokens = tokens;
  if (flops && *flops > 0) log->run().flops = flops;
}

absl::Status ReadTrainerState(ByteSource* source, Emitter& emitter) {
  const auto text = ReadWhole(source, kMaxJsonDocumentBytes);
  if (!text.ok()) return text.status();
  rapidjson::Document document;
  if (const std::string wrong = ParseJson(*text, &document); !wrong.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(emitter.source(), ": ", wrong));
  }
  const Value* history = FindMember(document, "log_history");
  if (history == nullptr || !history->IsArray()) {
    return absl::InvalidArgumentError(absl::StrCat(emitter.source(), " has no log_history"));
  }
  LogRun log(emitter);
  for (const Value& row : history->GetArray()) {
    if (row.IsObject()) AddRow(row, &log);
  }
  AddTotals(document, &log);
  // Logged losses are means since the row before, in older versions rounded to four decimals.
  log.AddLabel("interval-mean-loss");
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 0);
}

Match Detect(const Sample& sample) {
  if (!sample.HasKey("log_history")) return {};
  return {95, "a JSON object with log_history"};
}

// The step that a trainer_state.json says it was written at; its keys are sorted, so that it stands before
// the history. -1 if it does not say.
std::int64_t GlobalStep(const std::string& path) {
  auto source = ByteSource::Open(path);
  const auto head = source.ok() ? (*source)->Head() : source.status();
  const auto step = head.ok() ? NumberAfter(*head, "\"global_step\":") : std::nullopt;
  return step && *step >= 0 && *step < 9e15 ? static_cast<std::int64_t>(*step) : -1;
}

// The states of one training: that of the folder itself and those of its checkpoints ("checkpoint-500",
// "last-checkpoint"), each of which repeats what came before.
void Claim(FolderClaims& folder) {
  const std::string state = "trainer_state.json";
  FolderListing& listing = folder.listing();
  std::int64_t newest = -1;
  std::string path, place;
  std::vector<std::string> all;
  const auto consider = [&](const std::string& file, const std::string& where) {
    all.push_back(file);
    const std::int64_t step = GlobalStep(file);
    if (step < newest) return;
    newest = step;
    path = file;
    place = where;
  };
  for (auto it = listing.folders.begin(); it != listing.folders.end();) {
    const std::string file = listing.path(*it) + "/" + state;
    std::error_code error;
    const bool checkpoint =
        it->find("checkpoint") != std::string::npos && std::filesystem::is_regular_file(file, error);
    if (checkpoint) consider(file, *it);
    it = checkpoint ? listing.folders.erase(it) : std::next(it);
  }
  if (all.empty()) return;
  if (listing.files.erase(state) > 0) {
    // What the trainer saves next to the checkpoints at the end, which may be of an earlier part of the run.
    consider(listing.path(state), "the folder itself");
  }
  if (listing.folders.erase("runs") > 0)
    folder.PassOver(listing.path("runs"), "the trainer's event files: its state says the same");
  for (const std::string& file : all) {
    if (file != path)
      folder.PassOver(file, "another state of the same training: the newest repeats its history");
  }
  const std::string config = std::filesystem::path(path).replace_filename("config.json").string();
  std::error_code error;
  folder.Add({path,
              "trainer-state",
              absl::StrCat("the newest of ", all.size(), " states, in ", place),
              folder.name(),
              std::filesystem::is_regular_file(config, error) ? config : "",
              {}});
}

}  // namespace

SEXTANT_LOG_FORMAT(trainer_state){.name = "trainer-state",
                                  .about = "Hugging Face's trainer_state.json",
                                  .detect = &Detect,
                                  .read = &ReadTrainerState,
                                  .claim = &Claim,
                                  .metrics = kNames};

}  // namespace sextant::importers
