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

void AddRow(const Value& row, LogRun* log) {
  const Value* step = FindMember(row, "step");
  const auto at = step == nullptr ? std::nullopt : StepOf(JsonNumber(*step));
  // The last row sums the whole run up: its train_loss is a mean over all steps.
  if (!at || FindMember(row, "train_runtime") != nullptr) return;
  for (const auto& member : row.GetObject()) {
    const auto value = JsonNumber(member.value);
    if (value) log->AddPoint(JsonText(member.name), *at, *value);
  }
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
  for (const char* key : {"num_input_tokens_seen", "total_flos"}) {
    const Value* value = FindMember(document, key);
    const auto number = value == nullptr ? std::nullopt : JsonNumber(*value);
    if (number && *number > 0) log.SetConfig(key[0] == 'n' ? "tokens" : "flops", FormatRoundTrip(*number));
  }
  const Value* done = FindMember(document, "global_step");
  const Value* planned = FindMember(document, "max_steps");
  const auto at = done == nullptr ? std::nullopt : JsonNumber(*done);
  const auto end = planned == nullptr ? std::nullopt : JsonNumber(*planned);
  if (at && end && *at < *end) log.run().state = ImportedState::kRunning;
  // Logged losses are means since the row before, rounded to four decimals.
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

// The states of one training: that of the folder itself and those of its checkpoints, each of which repeats
// what came before.
void Claim(FolderClaims& folder) {
  constexpr std::string_view kPrefix = "checkpoint-";
  const std::string state = "trainer_state.json";
  FolderListing& listing = folder.listing();
  std::int64_t newest = -1;
  std::string path, place;
  std::vector<std::string> all;
  const auto consider = [&](const std::string& file, std::int64_t step, const std::string& where) {
    all.push_back(file);
    if (step < newest) return;
    newest = step;
    path = file;
    place = where;
  };
  for (auto it = listing.folders.begin(); it != listing.folders.end();) {
    const auto step =
        it->rfind(kPrefix, 0) == 0 ? ParseInt64(std::string_view(*it).substr(kPrefix.size())) : std::nullopt;
    const std::string file = listing.path(*it) + "/" + state;
    std::error_code error;
    if (!step || !std::filesystem::is_regular_file(file, error)) {
      ++it;
      continue;
    }
    consider(file, *step, *it);
    it = listing.folders.erase(it);
  }
  if (all.empty()) return;
  if (listing.files.erase(state) > 0) {
    // What the trainer saves next to the checkpoints at the end, which may be of an earlier part of the run.
    const std::string file = listing.path(state);
    consider(file, GlobalStep(file), "the folder itself");
  }
  if (listing.folders.erase("runs") > 0)
    folder.PassOver(listing.path("runs"), "the trainer's event files: its state says the same");
  for (const std::string& file : all) {
    if (file != path) folder.PassOver(file, "an older checkpoint: the newest repeats its history");
  }
  folder.Add({path,
              "trainer-state",
              absl::StrCat("the newest of ", all.size(), " states, in ", place),
              folder.name(),
              "",
              {}});
}

}  // namespace

}  // namespace sextant::importers

SEXTANT_LOG_FORMAT(trainer_state){.name = "trainer-state",
                                  .about = "Hugging Face's trainer_state.json",
                                  .detect = &Detect,
                                  .read = &ReadTrainerState,
                                  .claim = &Claim};
