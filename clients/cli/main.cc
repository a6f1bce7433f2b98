// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <cstring>
#include <string>
#include <vector>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/completion.h"
#include "clients/cli/commands/verbs.h"
#include "clients/cli/interrupt.h"

int main(int argc, char** argv) {
  using namespace sextant::cli;
  // A file that may not grow (ulimit -f) is an error of the write, as a full disk is.
  ::signal(SIGXFSZ, SIG_IGN);
  StartInterruptWatcher();
  CommandTree tree;
  AddAllCommands(tree);
  if (argc > 1 && std::strcmp(argv[1], "__complete") == 0) {
    return PrintCompletions(tree, std::vector<std::string>(argv + 2, argv + argc));
  }
  if (argc == 2 && std::strcmp(argv[1], "__commands") == 0) {
    tree.PrintCommands();
    return 0;
  }
  if (argc == 4 && std::strcmp(argv[1], "__man") == 0) return tree.WriteManPages(argv[2], argv[3]);
  return tree.Main(argc, argv);
}
