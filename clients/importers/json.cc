// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/json.h"

#include <rapidjson/encodedstream.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

// Numbers arrive as text: RapidJSON's own exact conversion leaves its tables on hundreds of zeros.
constexpr unsigned kParseFlags = rapidjson::kParseNanAndInfFlag | rapidjson::kParseNumbersAsStringsFlag |
                                 rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

/// Builds the document, converting numbers exactly: whole ones to integers where they fit, others to doubles.
class ExactNumbers {
 public:
  explicit ExactNumbers(rapidjson::Document* document) : to_(*document) {}

  bool Null() { return to_.Null(); }
  bool Bool(bool value) { return to_.Bool(value); }
  bool Int(int value) { return to_.Int(value); }
  bool Uint(unsigned value) { return to_.Uint(value); }
  bool Int64(std::int64_t value) { return to_.Int64(value); }
  bool Uint64(std::uint64_t value) { return to_.Uint64(value); }
  bool Double(double value) { return to_.Double(value); }
  bool String(const char* text, rapidjson::SizeType length, bool) { return to_.String(text, length, true); }
  bool StartObject() { return to_.StartObject(); }
  bool Key(const char* text, rapidjson::SizeType length, bool) { return to_.Key(text, length, true); }
  bool EndObject(rapidjson::SizeType members) { return to_.EndObject(members); }
  bool StartArray() { return to_.StartArray(); }
  bool EndArray(rapidjson::SizeType elements) { return to_.EndArray(elements); }

  bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
    const char* const end = text + length;
    std::int64_t whole = 0;
    if (const auto [stop, error] = std::from_chars(text, end, whole); error == std::errc() && stop == end) {
      return *text == '-' ? to_.Int64(whole) : to_.Uint64(static_cast<std::uint64_t>(whole));
    }
    std::uint64_t large = 0;
    if (const auto [stop, error] = std::from_chars(text, end, large); error == std::errc() && stop == end) {
      return to_.Uint64(large);
    }
    // Too small for a double is 0, too large is refused.
    double value = 0;
    const auto [stop, error] = std::from_chars(text, end, value);
    if (error == std::errc::result_out_of_range) {
      value = std::strtod(std::string(text, end).c_str(), nullptr);
      return std::isfinite(value) && to_.Double(value);
    }
    return error == std::errc() && stop == end && to_.Double(value);
  }

 private:
  rapidjson::Document& to_;
};

// Nesting is bounded before parsing, by counting brackets outside strings.
bool TooDeep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string ParseJson(std::string_view text, rapidjson::Document* document) {
  if (TooDeep(text)) return absl::StrCat("JSON nested deeper than ", kMaxJsonDepth);
  rapidjson::MemoryStream bytes(text.data(), text.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream(bytes);
  rapidjson::Reader reader;
  rapidjson::ParseResult result;
  auto parse = [&](rapidjson::Document& into) {
    ExactNumbers handler(&into);
    result = reader.Parse<kParseFlags>(stream, handler);
    return !result.IsError();
  };
  document->Populate(parse);
  if (!result.IsError()) return {};
  const char* const what = result.Code() == rapidjson::kParseErrorTermination
                               ? rapidjson::GetParseError_En(rapidjson::kParseErrorNumberTooBig)
                               : rapidjson::GetParseError_En(result.Code());
  return absl::StrCat("not JSON at byte ", result.Offset(), ": ", what);
}

const rapidjson::Value* FindMember(const rapidjson::Value& object, std::string_view key) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(
      rapidjson::Value(rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size()))));
  return found == object.MemberEnd() ? nullptr : &found->value;
}

const rapidjson::Value* FindPath(const rapidjson::Value& object, std::string_view path) {
  if (const rapidjson::Value* member = FindMember(object, path)) return member;
  const rapidjson::Value* at = &object;
  while (at != nullptr) {
    const std::size_t dot = path.find('.');
    at = FindMember(*at, path.substr(0, dot));
    if (dot == std::string_view::npos) return at;
    path.remove_prefix(dot + 1);
  }
  return nullptr;
}

std::optional<double> JsonNumber(const rapidjson::Value& value) {
  if (value.IsNumber()) return value.GetDouble();
  if (value.IsString()) return ParseDouble(JsonText(value));
  return std::nullopt;
}

std::string_view JsonText(const rapidjson::Value& string) {
  return {string.GetString(), string.GetStringLength()};
}

}  // namespace sextant::importers
