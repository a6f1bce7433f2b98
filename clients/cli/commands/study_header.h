// SPDX-License-Identifier: Apache-2.0
// What an export as JSON lines or CSV says of its study, so that an import makes the same one.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/session.h"
#include "clients/importers/inputs.h"
#include "sextant/v1/study_service.pb.h"

namespace sextant::cli {

/// The file beside runs.csv.
inline constexpr char kStudyFileName[] = "study.json";

/// {"study":{…}} with what a study is created from (title, counting, unit, labels, variables, objectives), no
/// line end; empty for a study that says nothing a new one would not.
std::string StudyHeader(const v1::Study& study);

/// Reads the header of the inputs into `study`: the first line of JSON lines (standard input too), or
/// study.json beside a runs.csv. False where there is none; two that differ: the first counts. Files that
/// cannot be read are none.
bool FindStudyHeader(const std::vector<importers::Input>& inputs, v1::Study* study);

/// Adds to `study` what `more` declares under names that it does not; true if there was any.
bool DeclareMissing(const v1::Study& more, const v1::Study& known, v1::Study* study);

}  // namespace sextant::cli
