// SPDX-License-Identifier: Apache-2.0
// Shell completion: small scripts that ask the program itself.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/commands/command_tree.h"

namespace sextant::cli {

/// What may stand where the last of `words` is being typed: commands, flags, formats, and ids of studies and
/// laws (asked for within a second, never making a database). One a line on stdout; nothing means file names.
int PrintCompletions(const CommandTree& tree, const std::vector<std::string>& words);

}  // namespace sextant::cli
