// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/run_labels.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/status_macros.h"
#include "storage/relational/rows/run_changes.h"
#include "storage/relational/rows/study_rows.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

constexpr std::size_t kMaxSourceBytes = 32;

using Sources = std::set<std::string>;
using LabelSources = std::map<std::string, Sources>;

absl::Status CheckSource(const std::string& source) {
  const bool letters = std::all_of(source.begin(), source.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (letters && !source.empty() && source.size() <= kMaxSourceBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a source of labels is 1 to ", kMaxSourceBytes, " of a-z, not '", source, "'"));
}

absl::StatusOr<LabelSources> Read(std::string_view stored) {
  std::map<std::string, std::string> texts;
  RETURN_IF_ERROR(FromJson(stored, texts));
  LabelSources labels;
  for (const auto& [label, sources] : texts) labels[label] = absl::StrSplit(sources, ' ');
  return labels;
}

std::string Write(const LabelSources& labels) {
  std::map<std::string, std::string> texts;
  for (const auto& [label, sources] : labels) texts[label] = absl::StrJoin(sources, " ");
  return ToJson(texts);
}

// `stored` with `labels` as all that `source` says.
absl::StatusOr<std::string> Replaced(const std::string& stored, const std::string& source,
                                     const std::vector<std::string>& labels) {
  ASSIGN_OR_RETURN(auto all, Read(stored));
  for (auto& [label, sources] : all) sources.erase(source);
  for (const std::string& label : labels) all[label].insert(source);
  std::erase_if(all, [](const auto& entry) { return entry.second.empty(); });
  return Write(all);
}

absl::Status Set(Connection& connection, std::int64_t study_key, const std::string& source,
                 const RunLabels& run) {
  ASSIGN_OR_RETURN(auto stored, StoredLabels(connection, study_key, run.run_id));
  ASSIGN_OR_RETURN(auto replaced, Replaced(stored, source, run.labels));
  if (replaced == stored) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("UPDATE runs SET labels = ? WHERE study_key = ? AND id = ?"));
  return statement.NextTextView(replaced).Next(study_key).NextTextView(run.run_id).Run();
}

// Runs that may hold labels of the source and are not among the named.
absl::StatusOr<std::vector<RunLabels>> OtherRuns(Connection& connection, std::int64_t study_key,
                                                 const std::string& source,
                                                 std::span<const RunLabels> named) {
  std::set<std::string_view> ids;
  for (const RunLabels& run : named) ids.insert(run.run_id);
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "SELECT id FROM runs WHERE study_key = ? AND labels <> '{}' AND instr(labels, ?) > 0"));
  statement.Next(study_key).NextTextView(source);
  std::vector<RunLabels> others;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return others;
    if (!ids.contains(statement.Text(0))) others.push_back({std::string(statement.Text(0)), {}});
  }
}

}  // namespace

std::string UploadedLabels(const std::vector<std::string>& labels) {
  if (labels.empty()) return "{}";
  LabelSources all;
  for (const std::string& label : labels) all[label] = {kUploadLabels};
  return Write(all);
}

absl::Status ReadLabels(std::string_view stored, std::vector<std::string>& labels) {
  labels.clear();
  std::map<std::string, std::string> texts;
  RETURN_IF_ERROR(FromJson(stored, texts));
  for (const auto& [label, sources] : texts) labels.push_back(label);
  return absl::OkStatus();
}

absl::StatusOr<std::string> StoredLabels(Connection& connection, std::int64_t study_key,
                                         const std::string& run_id) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("SELECT labels FROM runs WHERE study_key = ? AND id = ?"));
  ASSIGN_OR_RETURN(auto row, statement.Next(study_key).NextTextView(run_id).Step());
  if (!row) return absl::NotFoundError(absl::StrCat("no run '", run_id, "'"));
  return std::string(statement.Text(0));
}

absl::Status SetRunLabels(Connection& connection, const std::string& study_id, const std::string& source,
                          std::span<const RunLabels> labels, LabelScope scope) {
  RETURN_IF_ERROR(CheckSource(source));
  for (const RunLabels& run : labels) {
    for (const std::string& label : run.labels) {
      RETURN_IF_ERROR(CheckText(label, "a label"));
    }
  }
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  RETURN_IF_ERROR(CountRunChange(connection, study.key));
  for (const RunLabels& run : labels) {
    absl::Status status = Set(connection, study.key, source, run);
    if (scope == LabelScope::kWholeStudy && absl::IsNotFound(status)) continue;
    if (!status.ok()) return status;
  }
  if (scope == LabelScope::kNamedRuns) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto others, OtherRuns(connection, study.key, source, labels));
  for (const RunLabels& run : others) {
    RETURN_IF_ERROR(Set(connection, study.key, source, run));
  }
  return absl::OkStatus();
}

}  // namespace sextant::storage::relational
