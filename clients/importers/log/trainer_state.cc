#include "clients/importers/json.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/readers.h"

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

}  // namespace

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

}  // namespace sextant::importers
