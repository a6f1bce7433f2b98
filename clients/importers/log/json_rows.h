// SPDX-License-Identifier: Apache-2.0
// Rows of a JSON source: an object a line, or the objects of one array, or one object over several lines.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "clients/importers/byte_source.h"
#include "clients/importers/csv.h"
#include "clients/importers/emit.h"
#include "clients/importers/json.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/json_members.h"
#include "clients/importers/log/lines.h"

namespace sextant::importers {

/// Whether the source is one JSON document and not one a line, by its first line.
inline bool IsOneDocument(std::string_view head) {
  const std::string_view text = Trim(WithoutByteOrderMark(head));
  if (text.empty()) return false;
  const std::string_view first = Trim(text.substr(0, text.find('\n')));
  return text.front() == '[' || first == "{";
}

/// Calls each(row, line) for every object; `line` is 0 in a document of kMaxJsonDocumentBytes at most. What
/// is no object becomes a reject. INVALID_ARGUMENT for a document that is no JSON.
template <class Each>
absl::Status ForEachJsonRow(ByteSource* source, Emitter& emitter, Each each) {
  const auto head = source->Head();
  if (!head.ok()) return head.status();
  if (IsOneDocument(*head)) {
    const auto text = ReadWhole(source, kMaxJsonDocumentBytes);
    if (!text.ok()) return text.status();
    rapidjson::Document document;
    if (const std::string wrong = ParseJson(*text, &document); !wrong.empty())
      return absl::InvalidArgumentError(emitter.source() + ": " + wrong);
    if (document.IsObject()) {
      each(std::as_const(document), std::int64_t{0});
      return absl::OkStatus();
    }
    std::int64_t others = 0;
    for (const rapidjson::Value& row : document.GetArray()) {
      if (row.IsObject()) {
        each(row, std::int64_t{0});
      } else {
        ++others;
      }
    }
    if (others > 0) emitter.Reject(0, absl::StrCat(others, " members of the array are no objects"));
    return absl::OkStatus();
  }
  return ForEachLine(source, kMaxJsonLineBytes, emitter, LastJsonLine,
                     [&](std::string_view line, std::int64_t number) {
                       line = Trim(line);
                       if (line.empty()) return false;
                       rapidjson::Document row;
                       std::string wrong = ParseJson(line, &row);
                       if (wrong.empty() && !row.IsObject()) wrong = "the line is not a JSON object";
                       if (!wrong.empty()) {
                         emitter.Reject(number, wrong);
                         return false;
                       }
                       each(std::as_const(row), number);
                       return true;
                     });
}

/// The number at `key` of `row`, if there is one.
inline std::optional<double> NumberMember(const rapidjson::Value& row, std::string_view key) {
  const rapidjson::Value* value = FindMember(row, key);
  return value == nullptr ? std::nullopt : JsonNumber(*value);
}

/// A point for every number of `row`, nested ones under dotted names, except the names that `skip` knows.
template <class Skip>
void AddNumbers(const rapidjson::Value& row, std::int64_t step, LogRun* log, Skip skip) {
  for (const auto& member : row.GetObject()) {
    const std::string key(JsonText(member.name));
    if (skip(key)) continue;
    ForEachNumber(member.value, key,
                  [&](const std::string& name, double value) { log->AddPoint(name, step, value); });
  }
}

}  // namespace sextant::importers
