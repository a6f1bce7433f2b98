// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/declared_name.h"
#include "clients/importers/emit.h"
#include "clients/importers/fields.h"
#include "clients/importers/format.h"
#include "clients/importers/json.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/json_rows.h"
#include "clients/importers/sample.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

using rapidjson::Value;

void Add(std::string* wrong, const std::string& reason) {
  if (!reason.empty()) absl::StrAppend(wrong, wrong->empty() ? "" : "; ", reason);
}

// Proto JSON writes fields in lowerCamelCase unless told otherwise.
std::string ToSnake(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

std::string SetFromJson(const std::string& field, const Value& value, ImportedRun* run) {
  if (value.IsString()) return SetField(field, JsonText(value), run);
  if (!value.IsNumber()) return absl::StrCat(field, " is neither a number nor text");
  if (value.IsInt64() || value.IsUint64()) {
    const std::string text =
        value.IsInt64() ? std::to_string(value.GetInt64()) : std::to_string(value.GetUint64());
    return SetField(field, text, run);
  }
  return SetField(field, FormatRoundTrip(value.GetDouble()), run);
}

std::string ReadTags(const Value& tags, ImportedRun* run) {
  if (!tags.IsObject()) return "tags is not an object";
  for (const auto& tag : tags.GetObject()) {
    if (!tag.value.IsString()) return absl::StrCat("tag ", Quoted(JsonText(tag.name)), " is not text");
    if (run->tags.size() >= kMaxTags) return absl::StrCat("more than ", kMaxTags, " tags");
    run->tags[std::string(JsonText(tag.name))] = std::string(JsonText(tag.value));
  }
  return {};
}

std::string ReadVariables(const Value& variables, ImportedRun* run) {
  if (!variables.IsObject()) return "variables is not an object";
  for (const auto& variable : variables.GetObject()) {
    const std::string name(JsonText(variable.name));
    const auto number = JsonNumber(variable.value);
    if (!number) return absl::StrCat("variable ", Quoted(name), " is not a number");
    if (!std::isfinite(*number)) return absl::StrCat("variable ", Quoted(name), " is not finite");
    if (run->variables.size() >= kMaxDeclared) return absl::StrCat("more than ", kMaxDeclared, " variables");
    run->variables[name] = *number;
  }
  return {};
}

std::string ReadLabels(const Value& labels, ImportedRun* run) {
  if (!labels.IsArray() || labels.Size() > kMaxTags) return "labels is not a short list";
  for (const Value& label : labels.GetArray()) {
    if (!label.IsString()) return "labels holds something other than text";
    run->labels.emplace_back(JsonText(label));
  }
  return {};
}

template <class T>
std::string ReadColumn(const Value& curve, const char* snake, const char* camel, std::vector<T>* out) {
  const Value* column = FindMember(curve, snake);
  if (column == nullptr) column = FindMember(curve, camel);
  if (column == nullptr || column->IsNull()) return {};
  if (!column->IsArray()) return absl::StrCat("curve.", snake, " is not a list");
  if (column->Size() > kMaxCurvePoints)
    return absl::StrCat("curve.", snake, " holds more than ", kMaxCurvePoints, " values");
  out->reserve(column->Size());
  for (const Value& value : column->GetArray()) {
    const auto number = value.IsNull() ? std::nan("") : JsonNumber(value);
    if (!number) return absl::StrCat("curve.", snake, " holds something other than numbers");
    if constexpr (std::is_same_v<T, std::int64_t>) {
      if (!(*number >= 0 && *number <= 9e15) || *number != std::floor(*number)) {
        return absl::StrCat("curve.", snake, " holds something other than whole numbers from 0");
      }
      out->push_back(static_cast<std::int64_t>(*number));
    } else {
      out->push_back(std::isfinite(*number) ? static_cast<T>(*number) : static_cast<T>(std::nan("")));
    }
  }
  return {};
}

std::string ReadCurve(const Value& value, ImportedRun* run) {
  if (value.IsNull()) return {};
  if (!value.IsObject()) return "curve is not an object";
  ImportedCurve curve;
  std::string wrong;
  Add(&wrong, ReadColumn(value, "step", "step", &curve.step));
  Add(&wrong, ReadColumn(value, "tokens", "tokens", &curve.tokens));
  Add(&wrong, ReadColumn(value, "train_loss", "trainLoss", &curve.train_loss));
  Add(&wrong, ReadColumn(value, "validation_loss", "validationLoss", &curve.validation_loss));
  Add(&wrong, ReadColumn(value, "learning_rate", "learningRate", &curve.learning_rate));
  Add(&wrong, ReadColumn(value, "gradient_noise_scale", "gradientNoiseScale", &curve.gradient_noise_scale));
  if (!wrong.empty()) return wrong;
  for (const std::size_t length : {curve.tokens.size(), curve.train_loss.size(), curve.validation_loss.size(),
                                   curve.learning_rate.size(), curve.gradient_noise_scale.size()}) {
    if (length != 0 && length != curve.size()) return "the curve's columns differ in length";
  }
  for (std::size_t i = 1; i < curve.size(); ++i) {
    if (curve.step[i] <= curve.step[i - 1]) {
      return absl::StrCat("curve.step does not rise at point ", i + 1);
    }
  }
  if (curve.size() > 0) run->curve = std::move(curve);
  return {};
}

// Keys that the service fills in itself.
bool IsOutputOnly(const std::string& key) {
  return key == "create_time" || key == "update_time" || key == "curve_point_count" || key == "source";
}

std::string ReadByName(const Value& object, const std::vector<std::string>& variables, ImportedRun* run,
                       std::set<std::string>* unknown) {
  std::string wrong, name;
  for (const auto& member : object.GetObject()) {
    const std::string key = ToSnake(JsonText(member.name));
    const Value& value = member.value;
    if (IsOutputOnly(key) || value.IsNull()) continue;
    if (key == "curve") {
      Add(&wrong, ReadCurve(value, run));
    } else if (key == "tags") {
      Add(&wrong, ReadTags(value, run));
    } else if (key == "labels") {
      Add(&wrong, ReadLabels(value, run));
    } else if (key == "variables") {
      Add(&wrong, ReadVariables(value, run));
    } else if (key == "name" && value.IsString()) {
      name = std::string(JsonText(value));
    } else if (key == "state" && value.IsString() && JsonText(value) == "RUN_STATE_UNSPECIFIED") {
      continue;
    } else if (IsFieldName(key)) {
      // What the API prints for a text that is not set.
      if (value.IsString() && value.GetStringLength() == 0) continue;
      Add(&wrong, SetFromJson(key, value, run));
    } else if (const std::string variable(JsonText(member.name));
               std::find(variables.begin(), variables.end(), variable) != variables.end()) {
      Add(&wrong, SetFromJson(variable, value, run));
    } else if (unknown->size() < 32) {
      unknown->insert(std::string(JsonText(member.name)));
    }
  }
  if (run->run_id.empty() && !name.empty()) {
    Add(&wrong, SetField("run_id", std::string_view(name).substr(name.rfind('/') + 1), run));
  }
  return wrong;
}

std::string ReadByMap(const Value& object, const std::vector<FieldMapping>& map, ImportedRun* run) {
  std::string wrong;
  for (const FieldMapping& entry : map) {
    const Value* value = FindPath(object, entry.column);
    if (value == nullptr || value->IsNull()) {
      Add(&wrong, absl::StrCat(entry.field, " is missing"));
    } else {
      Add(&wrong, SetFromJson(entry.field, *value, run));
    }
  }
  if (const Value* curve = FindMember(object, "curve")) Add(&wrong, ReadCurve(*curve, run));
  return wrong;
}

// The line before the runs of an export: {"study": {…}}. Whoever imports asks for it before (study_header.h).
bool IsStudyLine(const Value& row) {
  const Value* study = row.MemberCount() == 1 ? FindMember(row, "study") : nullptr;
  return study != nullptr && study->IsObject();
}

absl::Status ReadRunJsonl(ByteSource* source, Emitter& emitter) {
  std::set<std::string> unknown;
  absl::Status emitted;
  const absl::Status read = ForEachJsonRow(source, emitter, [&](const Value& row, std::int64_t number) {
    if (!emitted.ok() || IsStudyLine(row)) return;
    ImportedRun run = emitter.Prototype();
    const std::vector<FieldMapping>& map = emitter.options().map;
    const std::string wrong = map.empty() ? ReadByName(row, emitter.options().variables, &run, &unknown)
                                          : ReadByMap(row, map, &run);
    emitted = emitter.Emit(std::move(run), number, wrong);
  });
  if (!emitted.ok()) return emitted;
  if (!read.ok()) return read;
  for (const std::string& key : unknown)
    emitter.Note(absl::StrCat("key ", Quoted(key), " is not a field of runs; ignored"));
  return absl::OkStatus();
}

Match Detect(const Sample& sample) {
  if (!sample.looks_like_json()) return {};
  if (sample.mapped()) return {100, "JSON lines with mapped keys"};
  if (sample.object() != nullptr && IsStudyLine(*sample.object())) return {100, "an exported study"};
  const bool run = sample.HasKey("params_non_embedding") || sample.HasKey("params_total") ||
                   sample.HasKey("params_active") || sample.HasKey("params_non_input_embedding") ||
                   sample.HasKey("params") || sample.HasKey("curve");
  return {run ? 85 : 30, "JSON lines of runs"};
}

}  // namespace

SEXTANT_LOG_FORMAT(jsonl){
    .name = "jsonl", .about = "one run a line as JSON", .detect = &Detect, .read = &ReadRunJsonl};

}  // namespace sextant::importers
