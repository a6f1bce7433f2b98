// SPDX-License-Identifier: Apache-2.0
// `runs import --explain`: what an import would make of files, without storing anything.
#pragma once

#include <string>

#include "clients/cli/commands/import_inputs.h"
#include "clients/cli/session.h"
#include "clients/importers/import.h"

namespace sextant::cli {

/// Adds what `flags.recipe` says to the flags, which go before it; an exit code.
int ApplyRecipe(const Session& session, ImportFlags* flags);

/// One line on what was taken of an input and what was not: names with their points, the share of lines
/// understood.
std::string NamesOf(const importers::FileReport& report);

/// Reads the inputs, prints for each how it was recognised, what each logged name and setting is taken as,
/// what would be rejected, and flags that would take more; writes a recipe of it all if the flags ask for
/// one. An exit code.
int ExplainImport(Session& session, const ImportFlags& flags, const importers::ImportOptions& options);

}  // namespace sextant::cli
