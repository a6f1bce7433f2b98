// SPDX-License-Identifier: Apache-2.0
// Variables and objectives of a study, as the command line spells them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "clients/cli/session.h"
#include "sextant/v1/study_service.pb.h"

namespace sextant::cli {

struct DeclaredFlags {
  std::vector<std::string> variables, objectives;
  bool empty() const { return variables.empty() && objectives.empty(); }
};

/// --variable NAME:UNIT[:MEANING] and --objective NAME:UNIT:min|max[:FLOOR[:CEILING]].
void AddDeclaredFlags(CLI::App* command, DeclaredFlags* flags);
/// Adds what the flags declare to the study; kExitUsage, printed, for another shape.
int ReadDeclared(const Session& session, const DeclaredFlags& flags, v1::Study* study);
/// The names that the study declares: variables, then objectives.
std::vector<std::string> DeclaredNames(const v1::Study& study);
/// "r (share), error_rate (min, 0 to 1)".
std::string DeclaredText(const v1::Study& study);

}  // namespace sextant::cli
