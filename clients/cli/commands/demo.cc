// SPDX-License-Identifier: Apache-2.0
// sextant demo: the calibration runs that ship, from a table to a plan, in a folder of one's own.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/whole_file.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/demo_runs.h"

namespace sextant::cli {
namespace {

struct DemoStep {
  const char* why;
  std::vector<std::string> words;
};

std::vector<DemoStep> DemoSteps() {
  return {
      {"A study holds runs of one recipe. This one counts N without embeddings, and its loss is in nats per "
       "byte.",
       {"studies", "create", "demo", "--loss-unit", "nats-per-byte", "--title", "H100, bytes, context 128"}},
      {"216 small models that were trained on one H100, a row each. --map says which column is what.",
       {"runs", "import", "runs.csv", "--study", "demo", "--map", "run_id=run_id", "--map",
        "params_non_embedding=params_non_embedding", "--map", "tokens=tokens", "--map",
        "learning_rate=learning_rate", "--map", "batch_size_tokens=batch_size_tokens", "--map",
        "sequence_length=sequence_length", "--map", "loss_nats=val_loss_nats"}},
      {"What was swept: the runs of every N and D.", {"studies", "cells", "demo"}},
      {"A law of the best learning rate in N and D, with bootstrap intervals.",
       {"fits", "create", "--study", "demo", "--law", "lr-power-nd", "--id", "rate"}},
      {"The same for the batch size, and a law of the loss.",
       {"fits", "create", "--study", "demo", "--law", "batch-power-nd", "--id", "batch"}},
      {"", {"fits", "create", "--study", "demo", "--law", "loss-chinchilla", "--id", "loss"}},
      {"The law over its data: solid where it was fitted, dashed beyond.",
       {"fits", "show", "demo/rate", "--plot"}},
      {"What to use for a run eleven times as large. Read the warnings: they say how far this extrapolates.",
       {"predict", "--study", "demo", "--params", "50M", "--tokens", "1B"}},
      {"And from a budget to a whole recipe.",
       {"plan", "--flops", "3e17", "--study", "demo", "--sequence-length", "128"}},
  };
}

// As one would type it.
std::string LineOf(const std::vector<std::string>& words) {
  std::string line = "sextant";
  for (const std::string& word : words) {
    line += word.find_first_of(" '") == std::string::npos ? " " + word : " '" + word + "'";
  }
  return line;
}

int RunDemo(CommandTree& tree, Session& session, const std::string& given) {
  if (!session.globals().server.empty() && !given.empty()) {
    return session.FailUsage("sextant demo works on a file of its own, not on a server");
  }
  std::error_code error;
  std::string folder = given;
  if (folder.empty()) {
    std::string name = (std::filesystem::temp_directory_path(error) / "sextant-demo-XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr) return session.FailLocal("no temporary folder can be made");
    folder = name;
  } else if (std::filesystem::exists(folder, error) || !std::filesystem::create_directories(folder, error)) {
    return session.FailLocal(Safe(folder) + " cannot be made anew", "name a folder that is not there yet");
  }
  if (const absl::Status status = ReplaceFile(folder + "/runs.csv", std::string(DemoRuns())); !status.ok()) {
    return session.FailLocal(Safe(std::string(status.message())));
  }
  tree.UseDatabase(folder + "/demo.db");
  const bool bold = session.color_stdout();
  int code = kExitOk;
  for (const DemoStep& step : DemoSteps()) {
    if (step.why[0] != '\0')
      std::printf("\n%s%s%s\n", bold ? "\033[1m" : "", step.why, bold ? "\033[0m" : "");
    std::printf("$ %s\n", LineOf(step.words).c_str());
    std::fflush(stdout);
    std::vector<std::string> words = step.words;
    for (std::string& word : words) {
      if (word == "runs.csv") word = folder + "/runs.csv";
    }
    code = tree.RunWords(words);
    if (code != kExitOk) break;
  }
  if (given.empty()) {
    std::filesystem::remove_all(folder, error);
    session.Note("\n`sextant demo --keep FOLDER` leaves the runs and the database for you to go on with.");
  } else {
    session.Note("\n`sextant --db " + Safe(folder) + "/demo.db …` asks this study.");
  }
  return code;
}

}  // namespace

void AddDemo(CommandTree& tree) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = tree.AddCommand(
      nullptr, "demo", "walk through the calibration runs that ship: import, fit, predict, plan",
      {"sextant demo", "sextant demo --keep sextant-demo"});
  command
      ->add_option("--keep", *folder,
                   "a new folder for the runs and the database; gone at the end if not given")
      ->type_name("FOLDER");
  tree.SetRun(command, [&tree, folder](Session& session) {
    const std::string given = *folder;  // the words of the steps are parsed into the same options
    return RunDemo(tree, session, given);
  });
}

}  // namespace sextant::cli
