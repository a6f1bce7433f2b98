// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <map>

#include "clients/importers/emit.h"
#include "clients/importers/event_files.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/record_stream.h"
#include "clients/importers/log/tensor_scalar.h"
#include "clients/importers/log/wire.h"
#include "clients/importers/sample.h"
#include "clients/importers/unreadable.h"

namespace sextant::importers {
namespace {

constexpr char kTrain[] = "train", kValidation[] = "validation";

struct Plugin {
  std::string_view name, content;
  std::int64_t data_class = 0;
};

Plugin PluginOf(std::string_view metadata) {
  Plugin plugin;
  for (WireReader reader(metadata); reader.Next();) {
    if (reader.Is(4, WireReader::kVarint)) plugin.data_class = reader.varint();
    if (!reader.Is(1, WireReader::kBytes)) continue;
    for (WireReader inner(reader.bytes()); inner.Next();) {
      if (inner.Is(1, WireReader::kBytes)) plugin.name = inner.bytes();
      if (inner.Is(2, WireReader::kBytes)) plugin.content = inner.bytes();
    }
  }
  return plugin;
}

// One entry of a map<string, google.protobuf.Value> as a setting.
void AddHparam(std::string_view entry, LogRun* log) {
  std::string_view key, value;
  for (WireReader reader(entry); reader.Next();) {
    if (reader.Is(1, WireReader::kBytes)) key = reader.bytes();
    if (reader.Is(2, WireReader::kBytes)) value = reader.bytes();
  }
  for (WireReader reader(value); reader.Next();) {
    if (reader.Is(2, WireReader::kFixed64))
      log->SetConfig(std::string(key), FormatRoundTrip(reader.fixed_double()));
    if (reader.Is(3, WireReader::kBytes)) log->SetConfig(std::string(key), std::string(reader.bytes()));
  }
}

void AddHparams(std::string_view content, LogRun* log) {
  for (WireReader reader(content); reader.Next();) {
    if (!reader.Is(3, WireReader::kBytes)) continue;
    for (WireReader session(reader.bytes()); session.Next();) {
      if (session.Is(1, WireReader::kBytes)) AddHparam(session.bytes(), log);
    }
  }
}

// Megatron writes every scalar twice, the second time over consumed samples: those are the token axis of the
// first, not a curve.
class SampleAxis {
 public:
  /// Whether `tag` is such a copy; then its step is the samples consumed at the step of the plain scalar.
  bool Take(std::string_view tag, std::int64_t step, LogRun* log) {
    constexpr std::string_view kSuffix = " vs samples";
    if (tag.size() > kSuffix.size() && tag.substr(tag.size() - kSuffix.size()) == kSuffix) {
      const auto plain = steps_.find(std::string(tag.substr(0, tag.size() - kSuffix.size())));
      if (plain != steps_.end()) log->AddPoint("consumed samples", plain->second, static_cast<double>(step));
      return true;
    }
    if (steps_.size() < kMaxTags || steps_.count(std::string(tag)) > 0) steps_[std::string(tag)] = step;
    return false;
  }

 private:
  std::map<std::string, std::int64_t> steps_;
};

// Keras puts what it measures once an epoch into folders train/ and validation/, under names that begin so;
// its steps are epochs from 0.
constexpr std::string_view kOfEpoch = "epoch_";
constexpr MetricName kNames[] = {{"epoch_loss", Metric::kTrainLoss},
                                 {"train/epoch_loss", Metric::kTrainLoss},
                                 {"validation/epoch_loss", Metric::kValidationLoss}};

// `split` begins the names of values from a folder of one split, where they do not name it themselves.
void AddScalar(std::string_view tag, const std::string& split, std::int64_t step, double value, LogRun* log) {
  const bool epoch = tag.substr(0, kOfEpoch.size()) == kOfEpoch;
  if (epoch) log->CountEpochs();
  const bool named = split.empty() || tag.find('/') != std::string_view::npos;
  log->AddPoint(named ? std::string(tag) : split + "/" + std::string(tag), epoch ? step + 1 : step, value);
}

void AddValue(std::string_view message, const std::string& split, std::int64_t step, SampleAxis* axis,
              LogRun* log) {
  std::string_view tag, metadata, tensor;
  std::optional<double> value;
  for (WireReader reader(message); reader.Next();) {
    if (reader.Is(1, WireReader::kBytes)) tag = reader.bytes();
    if (reader.Is(2, WireReader::kFixed32)) value = reader.fixed_float();
    if (reader.Is(8, WireReader::kBytes)) tensor = reader.bytes();
    if (reader.Is(9, WireReader::kBytes)) metadata = reader.bytes();
  }
  const Plugin plugin = PluginOf(metadata);
  if (plugin.name == "hparams" && tag == "_hparams_/session_start_info")
    return AddHparams(plugin.content, log);
  if (!value && !tensor.empty() && (plugin.name == "scalars" || plugin.data_class == 1))
    value = ScalarOfTensor(tensor);
  if (value && !axis->Take(tag, step, log)) AddScalar(tag, split, step, *value, log);
}

// Reads one file into `log`; `where` begins the messages.
absl::Status ReadEvents(ByteSource* source, const std::string& where, const std::string& split,
                        Emitter& emitter, LogRun* log) {
  constexpr int kSessionStart = 1;
  TfRecordReader records(source);
  SampleAxis axis;
  std::string_view payload;
  while (true) {
    const auto read = records.Next(&payload);
    if (!read.ok()) return read.status();
    if (*read == RecordResult::kEnd) return absl::OkStatus();
    const std::string place = absl::StrCat(where, "byte ", records.offset(), ": ");
    if (*read == RecordResult::kBroken) {
      emitter.Reject(0, place + "the length's checksum is wrong; nothing behind it was read");
      return absl::OkStatus();
    }
    if (*read == RecordResult::kBad) {
      emitter.Reject(0, place + "the record's checksum is wrong");
      continue;
    }
    if (*read == RecordResult::kTooLarge) {
      emitter.Reject(0, absl::StrCat(place, "the record is longer than ", kMaxRecordBytes, " bytes"));
      continue;
    }
    std::int64_t step = 0;
    std::string_view summary;
    bool restart = false;
    WireReader event(payload);
    while (event.Next()) {
      if (event.Is(2, WireReader::kVarint)) step = event.varint();
      if (event.Is(5, WireReader::kBytes)) summary = event.bytes();
      if (!event.Is(7, WireReader::kBytes)) continue;
      for (WireReader session(event.bytes()); session.Next();) {
        restart |= session.Is(1, WireReader::kVarint) && session.varint() == kSessionStart;
      }
    }
    if (!event.ok()) {
      emitter.Reject(0, place + "the record is no event");
      continue;
    }
    if (restart) log->RestartAt(step);
    for (WireReader values(summary); values.Next();) {
      if (values.Is(1, WireReader::kBytes)) AddValue(values.bytes(), split, step, &axis, log);
    }
  }
}

absl::Status ReadTensorBoard(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  if (absl::Status read = ReadEvents(source, "", "", emitter, &log); !read.ok()) return read;
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 0);
}

absl::Status ReadTensorBoardFolder(const Input& input, Emitter& emitter) {
  LogRun log(emitter);
  for (const std::string& part : input.parts) {
    const std::filesystem::path path(part);
    const std::string name = path.filename().string(), folder = path.parent_path().filename().string();
    const bool inside = path.parent_path() != std::filesystem::path(input.path);
    const std::string split = inside && (folder == kTrain || folder == kValidation) ? folder : "";
    auto source = ByteSource::Open(part);
    if (!source.ok()) {
      emitter.Reject(0, std::string(source.status().message()));
      continue;
    }
    (*source)->CountInto(emitter.options().bytes_read);
    const auto head = (*source)->Head();
    if (const std::string why = head.ok() ? WhyUnreadable(Sample(*head)) : std::string(); !why.empty()) {
      if (!head->empty()) emitter.Reject(0, absl::StrCat(Printable(name), ": ", why));
      continue;
    }
    // Several writers share a folder at times: a restart in one file says nothing about the others.
    log.BeginFile();
    if (absl::Status read = ReadEvents(source->get(), Printable(name) + ": ", split, emitter, &log);
        !read.ok())
      return read;
  }
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 0);
}

Match Detect(const Sample& sample) {
  if (!BeginsWithTfRecord(sample.head())) return {};
  return {100, "its first record has the checksum of an event file"};
}

// The event files of a folder inside that holds nothing else, except what a profiler left; false if it is
// another kind of folder.
bool ListEvents(FolderClaims& folder, const std::string& name, std::vector<std::string>* parts) {
  FolderListing inner;
  if (!folder.listing().has_folder(name) || !folder.List(name, &inner)) return false;
  inner.folders.erase("plugins");
  const bool events = inner.folders.empty() && !inner.files.empty() &&
                      std::all_of(inner.files.begin(), inner.files.end(), [](const std::string& file) {
                        return IsEventFileName(file) || file.find(".profile-empty") != std::string::npos;
                      });
  for (const std::string& file : inner.files) {
    if (events && IsEventFileName(file)) parts->push_back(inner.path(file));
  }
  return events;
}

// Folders train/ and validation/ are one training.
void ClaimSplits(FolderClaims& folder) {
  FolderListing& listing = folder.listing();
  Input input;
  if (!ListEvents(folder, kTrain, &input.parts) || !ListEvents(folder, kValidation, &input.parts)) return;
  listing.folders.erase(kTrain);
  listing.folders.erase(kValidation);
  input.path = listing.folder;
  input.format = "tensorboard";
  input.why = absl::StrCat("event files of train and validation, ", input.parts.size(), " in all");
  input.run_name = folder.name();
  folder.Add(std::move(input));
}

void Claim(FolderClaims& folder) {
  ClaimSplits(folder);
  FolderListing& listing = folder.listing();
  Input input;
  for (auto it = listing.files.begin(); it != listing.files.end();) {
    const bool events = IsEventFileName(*it);
    if (events) input.parts.push_back(listing.path(*it));
    it = events ? listing.files.erase(it) : std::next(it);
  }
  if (input.parts.empty()) return;
  // PyTorch's add_hparams writes to a folder of its own, named by the time.
  for (auto it = listing.folders.begin(); it != listing.folders.end();) {
    const bool hparams = IsHparamsFolderName(*it) && ListEvents(folder, *it, &input.parts);
    it = hparams ? listing.folders.erase(it) : std::next(it);
  }
  input.path = listing.folder;
  input.format = "tensorboard";
  input.why = absl::StrCat("a folder of ", input.parts.size(), " event files");
  input.run_name = folder.name();
  if (listing.has_file("hparams.yaml")) input.settings = listing.path("hparams.yaml");
  folder.Add(std::move(input));
}

}  // namespace

SEXTANT_LOG_FORMAT(tensorboard){.name = "tensorboard",
                                .about = "TensorBoard's event files",
                                .detect = &Detect,
                                .read = &ReadTensorBoard,
                                .read_path = &ReadTensorBoardFolder,
                                .claim = &Claim,
                                .metrics = kNames};

}  // namespace sextant::importers
