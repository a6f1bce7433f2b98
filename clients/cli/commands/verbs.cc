// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/verbs.h"

namespace sextant::cli {

#define SEXTANT_NOUN(name, summary)
#define SEXTANT_VERBS(Function) void Function(CommandTree& tree);
#include "clients/cli/commands/verbs.inc"
#undef SEXTANT_NOUN
#undef SEXTANT_VERBS

void AddAllCommands(CommandTree& tree) {
#define SEXTANT_NOUN(name, summary) tree.AddNoun(name, summary);
#define SEXTANT_VERBS(Function) Function(tree);
#include "clients/cli/commands/verbs.inc"
#undef SEXTANT_NOUN
#undef SEXTANT_VERBS
}

}  // namespace sextant::cli
