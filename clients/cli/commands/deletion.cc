// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/deletion.h"

#include <memory>

namespace sextant::cli {

void AddDelete(CommandTree& tree, CLI::App* noun, const DeleteVerb& verb,
               int (*run)(Session&, const std::string& study, const std::string& text, bool yes)) {
  auto study = std::make_shared<std::string>();
  auto text = std::make_shared<std::string>();
  auto yes = std::make_shared<bool>(false);
  CLI::App* command = tree.AddCommand(noun, "delete", verb.summary, {verb.example});
  command->add_option(verb.positional, *text, verb.help)->required();
  if (verb.in_study) command->add_option("--study", *study, "the study")->type_name("ID");
  command->add_flag("-y,--yes", *yes, "really");
  tree.SetRun(command, [=](Session& session) { return run(session, *study, *text, *yes); });
}

}  // namespace sextant::cli
