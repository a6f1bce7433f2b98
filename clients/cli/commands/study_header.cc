// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/study_header.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "clients/cli/commands/declared.h"
#include "clients/cli/output/json.h"
#include "clients/importers/byte_source.h"

namespace sextant::cli {
namespace {

constexpr std::string_view kHeaderBegin = R"({"study":)";

v1::Study CreatedFrom(const v1::Study& study) {
  v1::Study kept;
  kept.set_title(study.title());
  kept.set_description(study.description());
  kept.set_param_count(study.param_count());
  kept.set_loss_unit(study.loss_unit());
  *kept.mutable_labels() = study.labels();
  *kept.mutable_variables() = study.variables();
  *kept.mutable_objectives() = study.objectives();
  return kept;
}

bool ReadHeader(const std::string& path, v1::Study* study) {
  const auto line = importers::PeekLine(path);
  if (!line.ok()) return false;
  std::string_view text = *line;
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  if (text.substr(0, kHeaderBegin.size()) != kHeaderBegin || text.back() != '}') return false;
  text.remove_prefix(kHeaderBegin.size());
  text.remove_suffix(1);
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;  // a later version may say more
  v1::Study read;
  if (!google::protobuf::util::JsonStringToMessage(std::string(text), &read, lenient).ok()) return false;
  *study = CreatedFrom(read);
  return true;
}

}  // namespace

std::string StudyHeader(const v1::Study& study) {
  const v1::Study kept = CreatedFrom(study);
  v1::Study plain;
  plain.set_param_count(v1::NON_EMBEDDING);
  plain.set_loss_unit(v1::NATS_PER_TOKEN);
  if (kept.SerializeAsString() == plain.SerializeAsString()) return "";
  const std::vector<std::string> fields = {"title",  "description", "param_count", "loss_unit",
                                           "labels", "variables",   "objectives"};
  return std::string(kHeaderBegin) + ToJson(kept, false, fields) + "}";
}

bool FindStudyHeader(const std::vector<importers::Input>& inputs, v1::Study* study) {
  for (const importers::Input& input : inputs) {
    if (!input.parts.empty()) continue;
    const std::filesystem::path path = input.path;
    if (path.filename() == "runs.csv") {
      if (ReadHeader(path.parent_path() / kStudyFileName, study)) return true;
    } else if (input.path == "-" || path.extension() == ".jsonl" || path.extension() == ".json") {
      if (ReadHeader(input.path, study)) return true;
    }
  }
  return false;
}

bool DeclareMissing(const v1::Study& more, const v1::Study& known, v1::Study* study) {
  const std::vector<std::string> names = DeclaredNames(known);
  const auto is_known = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  bool any = false;
  for (const v1::StudyVariable& variable : more.variables()) {
    if (is_known(variable.name())) continue;
    *study->add_variables() = variable;
    any = true;
  }
  for (const v1::StudyObjective& objective : more.objectives()) {
    if (is_known(objective.name())) continue;
    *study->add_objectives() = objective;
    any = true;
  }
  return any;
}

}  // namespace sextant::cli
