// SPDX-License-Identifier: Apache-2.0
// The list of all commands.
#pragma once

#include "clients/cli/commands/command_tree.h"

namespace sextant::cli {

/// Adds every noun and verb of verbs.inc to `tree`.
void AddAllCommands(CommandTree& tree);

}  // namespace sextant::cli
