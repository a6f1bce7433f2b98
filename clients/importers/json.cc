#include "clients/importers/json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include "absl/strings/str_cat.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

constexpr unsigned kParseFlags = rapidjson::kParseNanAndInfFlag | rapidjson::kParseFullPrecisionFlag |
                                 rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

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
  document->Parse<kParseFlags>(text.data(), text.size());
  if (!document->HasParseError()) return {};
  return absl::StrCat("not JSON at byte ", document->GetErrorOffset(), ": ",
                      rapidjson::GetParseError_En(document->GetParseError()));
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
