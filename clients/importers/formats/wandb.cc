// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "clients/importers/emit.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/format.h"
#include "clients/importers/json.h"
#include "clients/importers/log/json_members.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/record_stream.h"
#include "clients/importers/log/step_clock.h"
#include "clients/importers/log/wire.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

struct Item {
  std::string key;
  std::string_view json;
};

// {1 key, 2 nested_key repeated, 16 value_json}: nested parts joined by dots.
Item ReadItem(std::string_view message) {
  Item item;
  for (WireReader reader(message); reader.Next();) {
    if (reader.Is(1, WireReader::kBytes)) item.key = std::string(reader.bytes());
    if (reader.Is(2, WireReader::kBytes))
      item.key += (item.key.empty() ? "" : ".") + std::string(reader.bytes());
    if (reader.Is(16, WireReader::kBytes)) item.json = reader.bytes();
  }
  return item;
}

// The number that an item holds, or those of an object, under dotted names.
void AddNumbers(const Item& item, std::map<std::string, double>* values) {
  rapidjson::Document value;
  if (item.json.size() > kMaxTextBytes || !ParseJson(item.json, &value).empty()) return;
  ForEachNumber(value, item.key, [&](const std::string& key, double number) { (*values)[key] = number; });
}

void AddHistory(std::string_view message, StepClock* clock, LogRun* log) {
  std::optional<double> record_step;
  std::map<std::string, double> values;
  for (WireReader reader(message); reader.Next();) {
    if (reader.Is(1, WireReader::kBytes)) {
      AddNumbers(ReadItem(reader.bytes()), &values);
    } else if (reader.Is(2, WireReader::kBytes)) {
      for (WireReader inner(reader.bytes()); inner.Next();) {
        if (inner.Is(1, WireReader::kVarint)) record_step = static_cast<double>(inner.varint());
      }
    }
  }
  if (record_step) values.emplace(StepClock::kCalls, *record_step);
  const auto step = clock->Read([&](const char* key) {
    const auto found = values.find(key);
    return found == values.end() ? std::nullopt : std::optional<double>(found->second);
  });
  if (!step) return;
  for (const auto& [key, value] : values) {
    if (!StepClock::IsClock(key)) log->AddPoint(key, *step, value);
  }
}

void AddConfig(std::string_view message, LogRun* log) {
  for (WireReader reader(message); reader.Next();) {
    if (!reader.Is(1, WireReader::kBytes)) continue;
    const Item item = ReadItem(reader.bytes());
    rapidjson::Document value;
    if (item.key.rfind("_wandb", 0) == 0 || item.json.size() > kMaxTextBytes ||
        !ParseJson(item.json, &value).empty())
      continue;
    AddSettings(value, item.key, log);
  }
}

void AddRun(std::string_view message, LogRun* log) {
  std::string id, display_name;
  for (WireReader reader(message); reader.Next();) {
    if (reader.Is(1, WireReader::kBytes)) id = std::string(reader.bytes());
    if (reader.Is(4, WireReader::kBytes)) AddConfig(reader.bytes(), log);
    if (reader.Is(8, WireReader::kBytes)) display_name = std::string(reader.bytes());
  }
  if (log->run().run_id.empty() && !id.empty() && IsValidUtf8(id)) SetRunId(id, &log->run());
  if (!display_name.empty() && IsValidUtf8(display_name) && display_name.size() <= kMaxTextBytes) {
    log->run().tags["run_name"] = display_name;
  }
}

void AddExit(std::string_view message, LogRun* log) {
  std::int64_t code = 0;
  for (WireReader reader(message); reader.Next();) {
    if (reader.Is(1, WireReader::kVarint)) code = reader.varint();
  }
  log->SetEnd(code == 0 ? ImportedState::kFinished : ImportedState::kCrashed);
}

absl::Status ReadWandbLog(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  StepClock clock;
  WandbRecordReader records(source);
  std::string_view record;
  while (true) {
    const auto read = records.Next(&record);
    if (!read.ok()) return read.status();
    if (*read == RecordResult::kEnd) break;
    if (*read == RecordResult::kBroken) {
      return absl::InvalidArgumentError(
          emitter.source() +
          " does not begin as a W&B log does; an empty one is of a run that logged nothing");
    }
    if (*read == RecordResult::kBad) {
      emitter.Reject(0, absl::StrCat("before byte ", records.offset(),
                                     ": a chunk cannot be read; reading went on behind it"));
      continue;
    }
    if (*read == RecordResult::kCut) {
      emitter.Reject(0, absl::StrCat("before byte ", records.offset(),
                                     ": the end of a record is missing; reading went on behind it"));
      continue;
    }
    if (*read == RecordResult::kTooLarge) {
      emitter.Reject(0, absl::StrCat("before byte ", records.offset(), ": a record is longer than ",
                                     kMaxRecordBytes, " bytes"));
      continue;
    }
    for (WireReader reader(record); reader.Next();) {
      if (reader.Is(2, WireReader::kBytes)) AddHistory(reader.bytes(), &clock, &log);
      if (reader.Is(5, WireReader::kBytes)) AddConfig(reader.bytes(), &log);
      if (reader.Is(17, WireReader::kBytes)) AddRun(reader.bytes(), &log);
      if (reader.Is(18, WireReader::kBytes)) AddExit(reader.bytes(), &log);
    }
  }
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 0);
}

Match Detect(const Sample& sample) {
  if (!sample.BeginsWith(kWandbMagic)) return {};
  return {100, "begins as a W&B transaction log"};
}

void Claim(FolderClaims& folder) {
  constexpr std::string_view kSuffix = ".wandb";
  FolderListing& listing = folder.listing();
  const auto log = std::find_if(listing.files.begin(), listing.files.end(), [&](const std::string& file) {
    return file.size() >= kSuffix.size() && file.substr(file.size() - kSuffix.size()) == kSuffix;
  });
  if (log == listing.files.end()) return;
  const std::string config = listing.path("files/config.yaml");
  std::error_code error;
  const bool configured = std::filesystem::is_regular_file(config, error);
  folder.Add({listing.path(*log),
              "wandb",
              "the transaction log of a W&B run folder",
              folder.name(),
              configured ? config : "",
              {}});
  folder.TakeAll();
}

}  // namespace

SEXTANT_LOG_FORMAT(wandb){.name = "wandb",
                          .about = "W&B's transaction log (.wandb)",
                          .detect = &Detect,
                          .read = &ReadWandbLog,
                          .claim = &Claim};

}  // namespace sextant::importers
