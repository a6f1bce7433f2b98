// SPDX-License-Identifier: Apache-2.0
// What studies declare in addition to the standard fields, and the values of their runs.
#pragma once

#include <string>
#include <vector>

#include "server/error.h"
#include "sextant/v1/run_service.pb.h"
#include "sextant/v1/study_service.pb.h"
#include "storage/records.h"

namespace sextant::server {

void DeclaredToProto(const std::vector<storage::DeclaredColumn>& declared, v1::Study& message);

/// What the message declares: its variables, then its objectives. Every violation is added, with the path of
/// its field under "study".
std::vector<storage::DeclaredColumn> DeclaredFromProto(const v1::Study& message,
                                                       std::vector<FieldViolation>& violations);

/// Adds to `declared` what it lacks of `given`. What both have must be the same in kind, unit and bounds.
void AddDeclared(const std::vector<storage::DeclaredColumn>& given,
                 std::vector<storage::DeclaredColumn>& declared, std::vector<FieldViolation>& violations);

void ValuesToProto(const storage::Run& run, const std::vector<storage::DeclaredColumn>& declared,
                   v1::Run& message);
void ReadValues(const v1::Run& message, const storage::Study& study, storage::Run& run,
                std::vector<FieldViolation>& violations);

/// "r, error_rate": what the study declares, for messages.
std::string DeclaredNames(const std::vector<storage::DeclaredColumn>& declared);

}  // namespace sextant::server
