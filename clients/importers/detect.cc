// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/detect.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/unreadable.h"

namespace sextant::importers {
namespace {

std::string WhyNone(const Sample& sample) {
  if (sample.BeginsWith("SQLite format 3")) return "it is a SQLite database of no known program";
  if (sample.text().empty()) return "it holds binary data";
  if (sample.looks_like_json()) return "its JSON has no keys that a format is known by";
  return "it is neither a table nor JSON, and none of the lines that were looked at is one of a known log";
}

}  // namespace

Detection DetectFormat(const Sample& sample) {
  if (std::string why = WhyUnreadable(sample); !why.empty()) return {nullptr, 0, std::move(why)};
  Detection best;
  for (const Format* format : Formats()) {
    if (format->detect == nullptr) continue;
    Match match = format->detect(sample);
    if (match.percent > best.percent) best = {format, match.percent, std::move(match.why)};
  }
  if (best.format == nullptr) return {nullptr, 0, WhyNone(sample)};
  if (best.percent < kPossiblePercent) {
    const std::string name = best.format->name;
    best.format = nullptr;
    absl::StrAppend(&best.why, "; --format ", name, " reads it as one all the same");
  }
  return best;
}

}  // namespace sextant::importers
