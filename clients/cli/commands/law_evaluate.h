// sextant laws evaluate: any law at given inputs.
#pragma once

#include "clients/cli/commands/command_tree.h"

namespace sextant::cli {

void AddLawEvaluate(CommandTree& tree, CLI::App* noun);

}  // namespace sextant::cli
