// SPDX-License-Identifier: Apache-2.0
// The commands: a noun and a verb each, with examples, options and what to run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/globals.h"
#include "clients/cli/session.h"

namespace sextant::cli {

class CommandTree {
 public:
  using Run = std::function<int(Session&)>;

  CommandTree();
  CommandTree(const CommandTree&) = delete;
  CommandTree& operator=(const CommandTree&) = delete;

  /// A noun that groups verbs.
  void AddNoun(const std::string& name, const std::string& summary);
  /// A noun that was added before.
  CLI::App* Noun(const std::string& name) { return root_.get_subcommand(name); }
  /// A command below `noun`, or at the top when it is null. `examples` are whole command lines.
  CLI::App* AddCommand(CLI::App* noun, const std::string& name, const std::string& summary,
                       const std::vector<std::string>& examples);
  void SetRun(const CLI::App* command, Run run) { runs_[command] = std::move(run); }

  /// Parses, runs, and returns the exit code. Usage errors are explained on stderr, with the nearest word.
  int Main(int argc, char** argv);

  /// The same for a command that another one is made of; global flags stay as they were given.
  int RunWords(std::vector<std::string> words);
  /// Commands from here on work on this file, whatever was given.
  void UseDatabase(const std::string& path);

  /// Every command as its words ("studies create"), one per line on stdout: what the tests go through.
  void PrintCommands() const;
  /// Writes man pages into a folder that exists: sextant.1, and one for each noun and command below it.
  /// `date` is YYYY-MM-DD. Exit code.
  int WriteManPages(const std::string& folder, const std::string& date) const;

  CLI::App& root() { return root_; }
  const CLI::App& root() const { return root_; }

 private:
  void AddGlobalOptions();
  int FailUsage(const CLI::ParseError& error) const;
  int Dispatch();
  /// Takes from the settings file what neither flags nor the environment say; an exit code.
  int ReadSettings();

  CLI::App root_;
  Globals globals_;
  std::string output_name_ = "table", color_name_ = "auto", fields_text_;
  std::map<const CLI::App*, Run> runs_;
  std::map<const CLI::App*, std::vector<std::string>> examples_;
  friend class HelpFormatter;
};

/// Options that take numbers as people write them (7B, 1.4T, 2^20).
CLI::Option* AddNumber(CLI::App* app, const std::string& name, std::optional<double>* value,
                       const std::string& help);
/// The same for whole numbers from `low` to `high`.
CLI::Option* AddWholeNumber(CLI::App* app, const std::string& name, std::optional<std::int64_t>* value,
                            std::int64_t low, std::int64_t high, const std::string& help);

/// "ID" as "studies/ID"; full names are kept.
std::string StudyName(const std::string& id);
/// "ID" as "laws/ID"; full names are kept.
std::string LawName(const std::string& id);
/// "studies/S/KIND/X", or "S/X", or "X" with a study given apart, as the full name. Empty if it is none of
/// these.
std::string ChildName(const std::string& kind, const std::string& study, const std::string& text);
/// The last part of a name.
std::string IdOf(const std::string& name);

}  // namespace sextant::cli
