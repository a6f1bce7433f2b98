// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/sql/json_text.h"

#include <absl/strings/str_cat.h>
#include <rapidjson/document.h>

namespace sextant::storage::relational {
namespace {

// Length in bytes of the UTF-8 character at `at`, 0 when it is none (overlong forms and surrogates included).
std::size_t CharacterLength(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

void Append(const std::string& text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char kDigits[] = "0123456789abcdef";
      out += "\\u00";
      out += kDigits[c >> 4];
      out += kDigits[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

absl::Status Broken() { return absl::DataLossError("stored tags or labels are not valid JSON"); }

std::string Take(const rapidjson::Value& value) { return {value.GetString(), value.GetStringLength()}; }

}  // namespace

absl::Status CheckText(const std::string& text, const std::string& what) {
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] > 0) {  // plain ASCII, nearly always
      ++at;
      continue;
    }
    const std::size_t length = CharacterLength(text, at);
    if (length == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, " is not UTF-8 text (byte ", at, " of ", text.size(), ")"));
    }
    at += length;
  }
  return absl::OkStatus();
}

std::string JsonString(const std::string& text) {
  std::string out;
  Append(text, out);
  return out;
}

std::string JsonMember(const std::string& key, const std::string& value) {
  std::string out;
  Append(key, out);
  out += ':';
  Append(value, out);
  return out;
}

std::string ToJson(const std::map<std::string, std::string>& values) {
  std::string out = "{";
  for (const auto& [key, value] : values) {
    if (out.size() > 1) out += ',';
    Append(key, out);
    out += ':';
    Append(value, out);
  }
  out += '}';
  return out;
}

absl::Status FromJson(std::string_view json, std::map<std::string, std::string>& values) {
  values.clear();
  if (json == "{}") return absl::OkStatus();
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return Broken();
  for (const auto& member : document.GetObject()) {
    if (!member.value.IsString()) return Broken();
    values.emplace(Take(member.name), Take(member.value));
  }
  return absl::OkStatus();
}

}  // namespace sextant::storage::relational
