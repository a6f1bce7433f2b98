// SPDX-License-Identifier: Apache-2.0
// Everything at once: import files, fit what their runs allow, and write a report.
#include <memory>

#include "clients/cli/commands/command_tree.h"

namespace sextant::cli {
namespace {

struct AnalyzeOptions {
  std::vector<std::string> files, maps;
  std::string study, report;
};

// Of each group the first law that the runs can tell.
constexpr const char* kLawGroups[][3] = {{"lr-power-nd", "lr-power-n", "lr-power-d"},
                                         {"batch-power-nd", "batch-power-d", "batch-power-n"},
                                         {"loss-chinchilla", nullptr, nullptr}};

int RunAnalyze(CommandTree& tree, Session& session, const AnalyzeOptions& options) {
  std::vector<std::string> words = {"runs", "import"};
  words.insert(words.end(), options.files.begin(), options.files.end());
  words.insert(words.end(), {"--study", options.study, "--create-study"});
  for (const std::string& map : options.maps) words.insert(words.end(), {"--map", map});
  if (const int code = tree.RunWords(words); code != kExitOk) return code;
  int fitted = 0;
  for (const auto& group : kLawGroups) {
    for (const char* law : group) {
      if (law == nullptr) break;
      session.Note("\nfits create --law " + std::string(law));
      const int code = tree.RunWords({"fits", "create", "--study", options.study, "--law", law});
      if (code == kExitOk) ++fitted;
      if (code == kExitOk) break;
      // What the runs cannot tell is withheld: a smaller law may do.
      if (code != kExitWithheld) return code;
    }
  }
  if (options.report.empty()) {
    session.Note("\n`sextant predict --study " + Safe(options.study) +
                 " --params N --tokens D` asks these fits");
    return fitted > 0 ? kExitOk : kExitWithheld;
  }
  return tree.RunWords({"report", "--study", options.study, "--out", options.report});
}

}  // namespace

void AddAnalyze(CommandTree& tree) {
  auto options = std::make_shared<AnalyzeOptions>();
  CLI::App* command = tree.AddCommand(
      nullptr, "analyze", "import files, fit what their runs allow, and report",
      {"sextant analyze runs.csv --study mine --report mine.html", "sextant analyze wandb/ --study mine",
       "sextant analyze runs.csv --study mine --map tokens=D"});
  command->add_option("FILE", options->files, "as for `sextant runs import`")->required();
  command->add_option("--study", options->study, "the study; made if it is not there")
      ->type_name("ID")
      ->required();
  command->add_option("--map", options->maps, "FIELD=COLUMN, as for `sextant runs import`")
      ->type_name("FIELD=COLUMN")
      ->allow_extra_args(false);
  command->add_option("--report", options->report, "write a report to this file")->type_name("FILE");
  tree.SetRun(command, [&tree, options](Session& session) {
    // The words are parsed again on the way, into the same options.
    const AnalyzeOptions given = *options;
    return RunAnalyze(tree, session, given);
  });
}

}  // namespace sextant::cli
