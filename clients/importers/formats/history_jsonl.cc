// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>
#include <memory>

#include "clients/importers/emit.h"
#include "clients/importers/event_files.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/format.h"
#include "clients/importers/json.h"
#include "clients/importers/log/json_members.h"
#include "clients/importers/log/json_rows.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/step_clock.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

using rapidjson::Value;

struct Entry {
  Entry(const Emitter& emitter, std::int64_t first_line) : log(emitter), line(first_line) {}
  LogRun log;
  StepClock clock;
  std::int64_t line;
};

// Runs of one file by name, in the order they came.
class Runs {
 public:
  explicit Runs(Emitter& emitter) : emitter_(emitter) {}

  /// Null beyond the limit.
  Entry* Find(const std::string& name, std::int64_t line) {
    auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      if (order_.size() >= kMaxRunsPerLog) return nullptr;
      order_.push_back(std::make_unique<Entry>(emitter_, line));
      LogRun& log = order_.back()->log;
      if (name.empty()) {
        NameByPath(emitter_, &log.run());
      } else {
        SetRunId(name, &log.run());
      }
      found = by_name_.emplace(name, order_.back().get()).first;
    }
    return found->second;
  }

  absl::Status EmitAll() {
    for (const std::unique_ptr<Entry>& entry : order_) {
      if (entry->clock.LooksSampled()) {
        entry->log.AddLabel("sampled-history");
        emitter_.Note(
            "the rows look like the random sample that W&B's history() gives; scan_history() gives all");
      }
      if (absl::Status emitted = entry->log.Emit(emitter_, entry->line); !emitted.ok()) return emitted;
    }
    return absl::OkStatus();
  }

 private:
  Emitter& emitter_;
  std::vector<std::unique_ptr<Entry>> order_;
  std::map<std::string, Entry*> by_name_;
};

std::string TextMember(const Value& row, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const Value* value = FindMember(row, key);
    if (value != nullptr && value->IsString() && IsValidUtf8(JsonText(*value)))
      return std::string(JsonText(*value));
  }
  return {};
}

void AddMembers(const Value& row, const std::string& split, std::int64_t step, LogRun* log) {
  for (const auto& member : row.GetObject()) {
    const std::string key(JsonText(member.name));
    if (key == "config" || StepClock::IsClock(key)) continue;
    ForEachNumber(member.value, key, [&](const std::string& name, double value) {
      const bool validation = name == "loss" && (split == "validation" || split == "val" || split == "eval");
      log->AddPoint(validation ? "val_loss" : name, step, value);
    });
  }
}

// The step of a row that counts tokens only.
std::optional<std::int64_t> StepOfTokens(const Value& row, const std::optional<double>& batch_size_tokens) {
  for (const char* key : {"tokens", "throughput/total_tokens", "num_input_tokens_seen", "consumed_tokens"}) {
    const auto tokens = NumberMember(row, key);
    if (tokens && batch_size_tokens && *tokens >= 0 && *tokens / *batch_size_tokens <= 9e15)
      return std::llround(*tokens / *batch_size_tokens);
  }
  return std::nullopt;
}

absl::Status ReadHistoryJsonl(ByteSource* source, Emitter& emitter) {
  Runs runs(emitter);
  const absl::Status read = ForEachJsonRow(source, emitter, [&](const Value& row, std::int64_t number) {
    Entry* entry = runs.Find(TextMember(row, {"run", "run_id", "trial_id"}), number);
    if (entry == nullptr)
      return emitter.Reject(number, absl::StrCat("more than ", kMaxRunsPerLog, " runs in one file"));
    auto step = entry->clock.Read([&](const char* key) { return NumberMember(row, key); });
    if (!step) step = StepOfTokens(row, emitter.Prototype().batch_size_tokens);
    if (!step) {
      return emitter.Reject(number,
                            "there is no step from 0 (_step, step, iteration, …); for rows that count tokens "
                            "only give --set batch_size_tokens=N");
    }
    AddMembers(row, TextMember(row, {"split"}), *step, &entry->log);
    const Value* config = FindMember(row, "config");
    if (config != nullptr && config->IsObject()) AddSettings(*config, "", &entry->log);
  });
  if (!read.ok()) return read;
  return runs.EmitAll();
}

Match Detect(const Sample& sample) {
  if (sample.mapped()) return {};
  for (const char* key : {"_step", "step", "global_step", "training_iteration", "iteration", "iter"}) {
    if (sample.HasKey(key)) return {80, "JSON lines with a step"};
  }
  return {};
}

// Ray writes every result three times.
void Claim(FolderClaims& folder) {
  FolderListing& listing = folder.listing();
  if (!listing.has_file("result.json")) return;
  for (auto it = listing.files.begin(); it != listing.files.end();) {
    const bool copy = *it == "progress.csv" || IsEventFileName(*it);
    if (copy) folder.PassOver(listing.path(*it), "result.json next to it says the same");
    it = copy || *it == "params.json" ? listing.files.erase(it) : std::next(it);
  }
}

}  // namespace

SEXTANT_LOG_FORMAT(history_jsonl){.name = "history-jsonl",
                                  .about = "JSON lines of metrics: W&B history, Ray Tune",
                                  .detect = &Detect,
                                  .read = &ReadHistoryJsonl,
                                  .claim = &Claim};

}  // namespace sextant::importers
