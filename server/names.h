// SPDX-License-Identifier: Apache-2.0
// Resource names: studies/{study}/runs/{run}, studies/{study}/fits/{fit},
// studies/{study}/forecasts/{forecast}, studies/{study}/uploads/{upload}, laws/{law}. All parsing and
// building of names is here.
#pragma once

#include <optional>
#include <string>

namespace sextant::server {

/// The read-only study whose fits are the published laws.
inline constexpr char kPublishedStudy[] = "published";

/// RFC 1034 label: [a-z]([a-z0-9-]{0,61}[a-z0-9])?. Ids of studies, fits, forecasts and laws.
bool IsLabel(const std::string& id);
/// [A-Za-z0-9._~+=:@-]{1,200}.
bool IsRunId(const std::string& id);
/// [A-Za-z0-9._-]{1,128}.
bool IsUploadId(const std::string& id);

inline constexpr char kLabelRule[] =
    "use 1 to 63 of a-z, 0-9 and '-', beginning with a letter and not ending with '-'";
inline constexpr char kRunIdRule[] = "use 1 to 200 of A-Z, a-z, 0-9 and ._~+=:@-";
inline constexpr char kUploadIdRule[] = "use 1 to 128 of A-Z, a-z, 0-9 and ._-";

std::string StudyName(const std::string& study);
std::string RunName(const std::string& study, const std::string& run);
std::string FitName(const std::string& study, const std::string& fit);
std::string ForecastName(const std::string& study, const std::string& forecast);
std::string UploadName(const std::string& study, const std::string& upload);
std::string LawName(const std::string& law);

/// A name inside a study.
struct ChildName {
  std::string study, id;
};

// Each gives nullopt when the text is not such a name.
std::optional<std::string> ParseStudyName(const std::string& name);
std::optional<ChildName> ParseRunName(const std::string& name);
std::optional<ChildName> ParseFitName(const std::string& name);
std::optional<ChildName> ParseForecastName(const std::string& name);
std::optional<ChildName> ParseUploadName(const std::string& name);
std::optional<std::string> ParseLawName(const std::string& name);

}  // namespace sextant::server
