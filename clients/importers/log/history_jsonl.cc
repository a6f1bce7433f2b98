#include <map>
#include <memory>

#include "clients/importers/json.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/readers.h"

namespace sextant::importers {
namespace {

using rapidjson::Value;

constexpr const char* kStepKeys[] = {"_step",     "step", "global_step", "training_iteration",
                                     "iteration", "iter"};

// Runs of one file by name, in the order they came.
class Runs {
 public:
  explicit Runs(Emitter& emitter) : emitter_(emitter) {}

  /// Null beyond the limit.
  LogRun* Find(const std::string& name, std::int64_t line) {
    auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      if (order_.size() >= kMaxRunsPerLog) return nullptr;
      order_.push_back({std::make_unique<LogRun>(emitter_), line});
      LogRun& log = *order_.back().log;
      if (name.empty()) {
        NameByPath(emitter_, &log.run());
      } else {
        SetRunId(name, &log.run());
      }
      found = by_name_.emplace(name, &log).first;
    }
    return found->second;
  }

  absl::Status EmitAll() {
    for (const Entry& entry : order_) {
      if (absl::Status emitted = entry.log->Emit(emitter_, entry.line); !emitted.ok()) return emitted;
    }
    return absl::OkStatus();
  }

 private:
  struct Entry {
    std::unique_ptr<LogRun> log;
    std::int64_t line;
  };
  Emitter& emitter_;
  std::vector<Entry> order_;
  std::map<std::string, LogRun*> by_name_;
};

std::string TextMember(const Value& row, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const Value* value = FindMember(row, key);
    if (value != nullptr && value->IsString() && IsValidUtf8(JsonText(*value)))
      return std::string(JsonText(*value));
  }
  return {};
}

// Numbers of nested objects go under dotted names, settings under their key.
void AddMembers(const Value& row, const std::string& prefix, const std::string& split, std::int64_t step,
                LogRun* log) {
  for (const auto& member : row.GetObject()) {
    const std::string name = prefix + std::string(JsonText(member.name));
    if (member.value.IsObject()) {
      if (prefix.size() < kMaxTextBytes && name != "config")
        AddMembers(member.value, name + ".", split, step, log);
    } else if (const auto value = JsonNumber(member.value)) {
      const bool validation = name == "loss" && (split == "validation" || split == "val" || split == "eval");
      log->AddPoint(validation ? "val_loss" : name, step, *value);
    }
  }
}

void AddConfig(const Value& config, const std::string& prefix, LogRun* log) {
  for (const auto& member : config.GetObject()) {
    const std::string name = prefix + std::string(JsonText(member.name));
    if (member.value.IsObject()) {
      if (prefix.size() < kMaxTextBytes) AddConfig(member.value, name + ".", log);
    } else if (member.value.IsString()) {
      log->SetConfig(name, std::string(JsonText(member.value)));
    } else if (const auto number = JsonNumber(member.value)) {
      log->SetConfig(name, FormatRoundTrip(*number));
    }
  }
}

}  // namespace

absl::Status ReadHistoryJsonl(ByteSource* source, Emitter& emitter) {
  Runs runs(emitter);
  const absl::Status read =
      ForEachLine(source, kMaxJsonLineBytes, emitter, [&](std::string_view line, std::int64_t number) {
        line = Trim(line);
        if (line.empty()) return;
        rapidjson::Document row;
        std::string wrong = ParseJson(line, &row);
        if (wrong.empty() && !row.IsObject()) wrong = "the line is not a JSON object";
        std::optional<double> step;
        for (const char* key : kStepKeys) {
          const Value* value = wrong.empty() ? FindMember(row, key) : nullptr;
          if (value != nullptr && !step) step = JsonNumber(*value);
        }
        if (wrong.empty() && (!step || !(*step >= 0 && *step <= 9e15)))
          wrong = "there is no step from 0 (_step, step, iteration, …)";
        if (!wrong.empty()) return emitter.Reject(number, wrong);
        LogRun* log = runs.Find(TextMember(row, {"run", "run_id", "trial_id"}), number);
        if (log == nullptr)
          return emitter.Reject(number, absl::StrCat("more than ", kMaxRunsPerLog, " runs in one file"));
        AddMembers(row, "", TextMember(row, {"split"}), static_cast<std::int64_t>(*step), log);
        const Value* config = FindMember(row, "config");
        if (config != nullptr && config->IsObject()) AddConfig(*config, "", log);
      });
  if (!read.ok()) return read;
  return runs.EmitAll();
}

}  // namespace sextant::importers
