// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/database/mlflow.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "clients/importers/emit.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/format.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/path_pattern.h"
#include "clients/importers/settings_yaml.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

// Keys hold slashes, which makes folders: calls each(key, path) for every file below, by name.
template <class Each>
absl::Status ForEachKey(const std::string& folder, const std::string& prefix, std::size_t depth,
                        std::size_t* visited, Each& each) {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(folder, error)) || depth > kMaxFolderDepth)
    return absl::OkStatus();
  const auto names = ListFolder(folder, visited);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::string path = folder + "/" + name, key = prefix + name;
    const fs::file_status status = fs::symlink_status(path, error);
    absl::Status done;
    if (fs::is_directory(status)) done = ForEachKey(path, key + "/", depth + 1, visited, each);
    if (fs::is_regular_file(status)) done = each(key, path);
    if (!done.ok()) return done;
  }
  return absl::OkStatus();
}

// The next word of a line, which loses it.
std::string_view NextWord(std::string_view* line) {
  *line = Trim(*line);
  const std::size_t end = std::min(line->find(' '), line->size());
  const std::string_view word = line->substr(0, end);
  line->remove_prefix(end);
  return word;
}

struct Point {
  std::int64_t time_ms, step;
  std::size_t key;
  double value;
};

// The values of all metrics, put into the order of time: only that tells what a restart made void.
class Metrics {
 public:
  Metrics(Emitter& emitter, LogRun* log) : emitter_(emitter), log_(*log) {}

  // Lines "time_ms value step", and whatever newer writers put behind; old files have no step.
  absl::Status Read(const std::string& key, const std::string& path) {
    auto source = ByteSource::Open(path);
    if (!source.ok()) {
      emitter_.Reject(0, std::string(source.status().message()));
      return absl::OkStatus();
    }
    (*source)->CountInto(emitter_.options().bytes_read);
    const bool known = log_.Knows(key);
    if (known) keys_.push_back(key);
    return ForEachLine(source->get(), kMaxTextBytes, emitter_, LastNumberLine,
                       [&](std::string_view line, std::int64_t number) {
                         if (Trim(line).empty()) return;
                         std::string_view rest = line;
                         const std::string_view time = NextWord(&rest), text = NextWord(&rest),
                                                at = NextWord(&rest);
                         const auto time_ms = ParseInt64(time);
                         const auto value = ParseDouble(text);
                         const auto step = at.empty() ? std::optional<std::int64_t>(0) : ParseInt64(at);
                         if (!time_ms || !value || !step || *step < 0) {
                           emitter_.Reject(number, absl::StrCat("metric ", Quoted(key),
                                                                ": not 'time value step': ", Quoted(line)));
                         } else if (known && points_.size() < kMaxPoints) {
                           points_.push_back({*time_ms, *step, keys_.size() - 1, MlflowValue(*value)});
                         } else if (known) {
                           ++dropped_;
                         } else {
                           log_.AddPoint(key, *step, *value);  // counted only
                         }
                       });
  }

  void AddAll() {
    std::stable_sort(points_.begin(), points_.end(), [](const Point& a, const Point& b) {
      return a.time_ms != b.time_ms ? a.time_ms < b.time_ms : a.step < b.step;
    });
    for (const Point& point : points_) log_.AddPoint(keys_[point.key], point.step, point.value);
    if (dropped_ > 0)
      emitter_.Note(absl::StrCat("more than ", kMaxPoints, " values; ", dropped_, " were left out"));
  }

 private:
  static constexpr std::size_t kMaxPoints = 4 * kMaxCurvePoints;

  Emitter& emitter_;
  LogRun& log_;
  std::vector<std::string> keys_;
  std::vector<Point> points_;
  std::int64_t dropped_ = 0;
};

absl::Status ReadMlflowFolder(const Input& input, Emitter& emitter) {
  auto meta = ReadSettingsYaml(input.path + "/meta.yaml");
  if (!meta.ok()) return meta.status();
  if ((*meta)["lifecycle_stage"] == "deleted") {
    emitter.Note("MLflow has it as deleted: passed over");
    return absl::OkStatus();
  }
  LogRun log(emitter);
  SetMlflowState((*meta)["status"], &log);
  std::string id = (*meta)["run_id"];
  if (id.empty()) id = (*meta)["run_uuid"];
  if (!id.empty() && log.run().run_id.empty()) SetRunId(id, &log.run());
  NameByPath(emitter, &log.run());
  SetMlflowName((*meta)["run_name"], &log);
  std::size_t visited = 0;
  Metrics metrics(emitter, &log);
  auto metric = [&](const std::string& key, const std::string& path) { return metrics.Read(key, path); };
  auto param = [&](const std::string& key, const std::string& path) {
    const auto text = ReadSmallFile(path, kMaxTextBytes);
    if (text.ok()) log.SetConfig(key, std::string(Trim(*text)));
    return absl::OkStatus();  // long values are prompts and the like, not settings
  };
  absl::Status read = ForEachKey(input.path + "/metrics", "", 0, &visited, metric);
  if (read.ok()) read = ForEachKey(input.path + "/params", "", 0, &visited, param);
  if (!read.ok()) return read;
  metrics.AddAll();
  return log.Emit(emitter, 0);
}

void Claim(FolderClaims& folder) {
  FolderListing& listing = folder.listing();
  if (!listing.has_file("meta.yaml") ||
      !(listing.has_folder("metrics") || listing.has_folder("params") || listing.has_folder("tags")))
    return;
  // MLflow 3 keeps models in folders of the same shape.
  const auto meta = ReadSmallFile(listing.path("meta.yaml"), kMaxSettingsFileBytes);
  const auto names = [&](const std::string& key) {
    return meta->rfind(key, 0) == 0 || meta->find("\n" + key) != std::string::npos;
  };
  if (meta.ok() && !names("run_id:") && !names("run_uuid:")) {
    folder.PassOver(listing.folder, "its meta.yaml names no run: a model that MLflow logged");
    folder.TakeAll();
    return;
  }
  folder.Add({listing.folder, "mlflow", "a folder with meta.yaml and metrics", folder.name(), "", {}});
  folder.TakeAll();
}

}  // namespace

SEXTANT_LOG_FORMAT(mlflow){
    .name = "mlflow", .about = "MLflow's folder of a run", .read_path = &ReadMlflowFolder, .claim = &Claim};

}  // namespace sextant::importers
