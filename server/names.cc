// SPDX-License-Identifier: Apache-2.0
#include "server/names.h"

#include <algorithm>
#include <string_view>

namespace sextant::server {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

bool AllOf(const std::string& id, std::size_t longest, std::string_view others) {
  return !id.empty() && id.size() <= longest && std::all_of(id.begin(), id.end(), [&](char c) {
    return IsLower(c) || IsUpper(c) || IsDigit(c) || others.find(c) != std::string_view::npos;
  });
}

// "studies/S/<collection>/ID" into S and ID.
std::optional<ChildName> ParseChild(const std::string& name, const std::string& collection) {
  const std::string head = "studies/", middle = "/" + collection + "/";
  if (name.compare(0, head.size(), head) != 0) return std::nullopt;
  const std::size_t at = name.find('/', head.size());
  if (at == std::string::npos || name.compare(at, middle.size(), middle) != 0) return std::nullopt;
  ChildName child{name.substr(head.size(), at - head.size()), name.substr(at + middle.size())};
  if (!IsLabel(child.study)) return std::nullopt;
  return child;
}

}  // namespace

bool IsLabel(const std::string& id) {
  return !id.empty() && id.size() <= 63 && IsLower(id.front()) && id.back() != '-' &&
         std::all_of(id.begin(), id.end(), [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
}

bool IsRunId(const std::string& id) { return AllOf(id, 200, "._~+=:@-"); }
bool IsUploadId(const std::string& id) { return AllOf(id, 128, "._-"); }

std::string StudyName(const std::string& study) { return "studies/" + study; }
std::string RunName(const std::string& study, const std::string& run) {
  return StudyName(study) + "/runs/" + run;
}
std::string FitName(const std::string& study, const std::string& fit) {
  return StudyName(study) + "/fits/" + fit;
}
std::string ForecastName(const std::string& study, const std::string& forecast) {
  return StudyName(study) + "/forecasts/" + forecast;
}
std::string UploadName(const std::string& study, const std::string& upload) {
  return StudyName(study) + "/uploads/" + upload;
}
std::string LawName(const std::string& law) { return "laws/" + law; }

std::optional<std::string> ParseStudyName(const std::string& name) {
  const std::string head = "studies/";
  if (name.compare(0, head.size(), head) != 0) return std::nullopt;
  std::string id = name.substr(head.size());
  if (!IsLabel(id)) return std::nullopt;
  return id;
}

std::optional<ChildName> ParseRunName(const std::string& name) {
  auto child = ParseChild(name, "runs");
  return child && IsRunId(child->id) ? child : std::nullopt;
}

std::optional<ChildName> ParseFitName(const std::string& name) {
  auto child = ParseChild(name, "fits");
  return child && IsLabel(child->id) ? child : std::nullopt;
}

std::optional<ChildName> ParseForecastName(const std::string& name) {
  auto child = ParseChild(name, "forecasts");
  return child && IsLabel(child->id) ? child : std::nullopt;
}

std::optional<ChildName> ParseUploadName(const std::string& name) {
  auto child = ParseChild(name, "uploads");
  return child && IsUploadId(child->id) ? child : std::nullopt;
}

std::optional<std::string> ParseLawName(const std::string& name) {
  const std::string head = "laws/";
  if (name.compare(0, head.size(), head) != 0) return std::nullopt;
  std::string id = name.substr(head.size());
  if (!IsLabel(id)) return std::nullopt;
  return id;
}

}  // namespace sextant::server
