// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/command_tree.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/edit_distance.h"
#include "base/numbers.h"
#include "base/whole_file.h"
#include "clients/importers/text.h"
#include "server/daemon/config_file.h"
#include "server/daemon/man_page.h"

namespace sextant::cli {

// Examples first, as people read them first.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(const CommandTree* tree) : tree_(tree) { column_width(34); }

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string examples;
    const auto found = tree_->examples_.find(app);
    if (mode == CLI::AppFormatMode::Normal && found != tree_->examples_.end()) {
      examples = "Examples:\n";
      for (const std::string& line : found->second) examples += "  " + line + "\n";
      examples += "\n";
    }
    return examples + CLI::Formatter::make_help(app, std::move(name), mode);
  }

 private:
  const CommandTree* tree_;
};

namespace {

const std::map<std::string, OutputFormat>& OutputFormats() {
  static const auto* formats = new std::map<std::string, OutputFormat>{
      {"table", OutputFormat::kTable}, {"json", OutputFormat::kJson}, {"jsonl", OutputFormat::kJsonl},
      {"csv", OutputFormat::kCsv},     {"tsv", OutputFormat::kTsv},   {"markdown", OutputFormat::kMarkdown}};
  return *formats;
}

// The full command line of a command: "sextant runs import".
std::string PathOf(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  return parent == nullptr ? "sextant" : PathOf(parent) + " " + app->get_name();
}

const CLI::App* DeepestParsed(const CLI::App* app) {
  for (const CLI::App* sub : app->get_subcommands()) return DeepestParsed(sub);
  return app;
}

std::vector<std::string> VerbNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) names.push_back(sub->get_name());
  }
  return names;
}

std::vector<std::string> FlagNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* at = app; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    if (end > start) parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace

CommandTree::CommandTree()
    : root_("Fits scaling laws to training runs and predicts hyperparameters.", "sextant") {
  root_.formatter(std::make_shared<HelpFormatter>(this));
  root_.fallthrough();
  root_.require_subcommand(0, 1);
  examples_[&root_] = {
      "sextant predict --params 7B --tokens 1.4T", "sextant studies create mine",
      "sextant runs import runs.csv --study mine --map tokens=D --map params_non_embedding=N",
      "sextant fits create --study mine --law lr-power-nd",
      "sextant predict --study mine --params 7B --tokens 1.4T"};
  AddGlobalOptions();
}

void CommandTree::AddGlobalOptions() {
  root_.add_option("--db", globals_.db, "database file, served in this process [env SEXTANT_DB]")
      ->type_name("FILE");
  root_
      .add_option("--server", globals_.server,
                  "a running sextantd: HOST:PORT, unix:PATH, https://HOST:PORT [env SEXTANT_SERVER]")
      ->type_name("SERVER");
  root_.add_option("--tls-ca", globals_.tls.ca, "who signs the server's certificate [env SEXTANT_TLS_CA]")
      ->type_name("PEM");
  root_.add_option("--tls-cert", globals_.tls.certificate, "certificate of your own [env SEXTANT_TLS_CERT]")
      ->type_name("PEM");
  root_.add_option("--tls-key", globals_.tls.key, "its private key [env SEXTANT_TLS_KEY]")->type_name("PEM");
  root_.add_flag("--token-in-clear", globals_.token_in_clear,
                 "send SEXTANT_TOKEN over a network without TLS");
  root_.add_option("-o,--output", output_name_, "table, json, jsonl, csv, tsv or markdown")
      ->type_name("FORMAT");
  root_.add_option("--fields", fields_text_, "only these fields, by comma")->type_name("A,B");
  root_.add_option("--timeout", globals_.timeout_s, "seconds that a call may take")->type_name("SECONDS");
  root_.add_option("--color", color_name_, "auto, always or never")->type_name("WHEN");
  root_.add_flag("-q,--quiet", globals_.quiet, "no progress and no notes on stderr");
  root_.add_flag("-v,--verbose", globals_.verbose, "say more on stderr");
  root_.set_help_flag("-h,--help", "print this help");
  root_.set_version_flag("--version", SEXTANT_VERSION, "print the version");
}

void CommandTree::AddNoun(const std::string& name, const std::string& summary) {
  CLI::App* noun = root_.add_subcommand(name, summary)->require_subcommand(0, 1);
  // One of them is what many type first.
  if (name.ends_with("ies")) noun->alias(name.substr(0, name.size() - 3) + "y");
  if (name.ends_with("s") && !name.ends_with("ies")) noun->alias(name.substr(0, name.size() - 1));
}

void CommandTree::PrintCommands() const {
  const auto every = [](const CLI::App*) { return true; };
  for (const CLI::App* top : root_.get_subcommands(every)) {
    const auto verbs = top->get_subcommands(every);
    if (verbs.empty()) std::printf("%s\n", top->get_name().c_str());
    for (const CLI::App* verb : verbs) {
      std::printf("%s %s\n", top->get_name().c_str(), verb->get_name().c_str());
    }
  }
}

int CommandTree::WriteManPages(const std::string& folder, const std::string& date) const {
  const auto every = [](const CLI::App*) { return true; };
  const auto part = [this](const CLI::App* app) {
    const auto found = examples_.find(app);
    return server::ManPart{app, PathOf(app),
                           found == examples_.end() ? std::vector<std::string>() : found->second};
  };
  const auto write = [&](const std::string& name, const std::vector<server::ManPart>& parts,
                         const std::vector<std::string>& see_also) {
    return ReplaceFile(folder + "/" + name + ".1",
                       server::ManPage(name, 1, date, SEXTANT_VERSION, parts, see_also));
  };
  std::vector<std::string> pages;
  for (const CLI::App* top : root_.get_subcommands(every)) {
    if (top->get_group().empty()) continue;
    const std::string name = "sextant-" + top->get_name();
    std::vector<server::ManPart> parts = {part(top)};
    for (const CLI::App* verb : top->get_subcommands(every)) parts.push_back(part(verb));
    if (const absl::Status status = write(name, parts, {"sextant(1)"}); !status.ok())
      return Session(globals_).FailLocal(std::string(status.message()));
    pages.push_back(name + "(1)");
  }
  pages.emplace_back("sextantd(8)");
  const absl::Status status = write("sextant", {part(&root_)}, pages);
  return status.ok() ? kExitOk : Session(globals_).FailLocal(std::string(status.message()));
}

CLI::App* CommandTree::AddCommand(CLI::App* noun, const std::string& name, const std::string& summary,
                                  const std::vector<std::string>& examples) {
  CLI::App* command = (noun == nullptr ? &root_ : noun)->add_subcommand(name, summary);
  examples_[command] = examples;
  return command;
}

int CommandTree::Main(int argc, char** argv) {
  // `sextant help runs import` is `sextant runs import --help`.
  std::vector<std::string> words(argv + 1, argv + argc);
  const auto stands_alone = [](const std::string& flag) {
    return flag == "-q" || flag == "--quiet" || flag == "-v" || flag == "--verbose" ||
           flag == "--token-in-clear" || flag.find('=') != std::string::npos;
  };
  std::size_t first = 0;  // the first word that is not a global flag
  while (first < words.size() && words[first].starts_with("-")) first += stands_alone(words[first]) ? 1 : 2;
  if (first < words.size() && words[first] == "help") {
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(first));
    words.push_back("--help");
  }
  return RunWords(std::move(words));
}

int CommandTree::RunWords(std::vector<std::string> words) {
  std::reverse(words.begin(), words.end());  // as the parser takes them
  try {
    root_.parse(std::move(words));
  } catch (const CLI::CallForVersion&) {
    std::fputs("sextant " SEXTANT_VERSION "\n", stdout);
    return kExitOk;
  } catch (const CLI::CallForHelp&) {
    std::fputs(root_.help().c_str(), stdout);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return FailUsage(error);
  }
  return Dispatch();
}

void CommandTree::UseDatabase(const std::string& path) {
  globals_.db = path;
  globals_.server.clear();
}

int CommandTree::FailUsage(const CLI::ParseError& error) const {
  const CLI::App* at = DeepestParsed(&root_);
  std::string what, advice;
  std::vector<std::string> extras = root_.remaining(true);
  for (std::string& word : extras) word = Printable(word);
  if (!extras.empty()) {
    const std::string& word = extras.front();
    const bool flag = word.size() > 1 && word[0] == '-';
    const std::string bare = word.substr(0, word.find('='));
    const std::vector<std::string> known = flag ? FlagNames(at) : VerbNames(at);
    const std::string nearest = Nearest(bare, known);
    what = "`" + PathOf(at) + "` has no " +
           (flag            ? "flag "
            : known.empty() ? "argument "
                            : "command ") +
           "'" + bare + "'" + (nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
  } else {
    what = "`" + PathOf(at) + "`: " + Printable(error.what());
  }
  return Session(globals_).FailUsage(what, "see `" + PathOf(at) + " --help`");
}

int CommandTree::ReadSettings() {
  // A flag beats both variables, and those the file.
  if (globals_.db.empty() && globals_.server.empty()) {
    globals_.server = FromEnvironment("SEXTANT_SERVER");
    if (globals_.server.empty()) globals_.db = FromEnvironment("SEXTANT_DB");
  }
  const bool is_named = !FromEnvironment("SEXTANT_CONFIG").empty();
  const std::string path = is_named ? FromEnvironment("SEXTANT_CONFIG") : DefaultSettingsPath();
  std::error_code error;
  if (path.empty() || (!is_named && !std::filesystem::exists(path, error))) return kExitOk;
  Globals of_file;
  std::string output, color;
  CLI::App settings;
  settings.add_option("--db", of_file.db);
  settings.add_option("--server", of_file.server);
  settings.add_option("--tls-ca", of_file.tls.ca);
  settings.add_option("--tls-cert", of_file.tls.certificate);
  settings.add_option("--tls-key", of_file.tls.key);
  settings.add_option("--output", output);
  settings.add_option("--color", color);
  settings.add_option("--timeout", of_file.timeout_s);
  const auto problems = server::ApplyConfigFile(settings, path);
  if (!problems.empty()) {
    Failure failure{kExitUsage, "the settings in " + Printable(path) + " cannot be used", {}, ""};
    for (const server::ConfigProblem& problem : problems) {
      failure.details.push_back((problem.line > 0 ? "line " + std::to_string(problem.line) + ": " : "") +
                                problem.text);
    }
    return Session(globals_).Fail(failure);
  }
  if (!of_file.db.empty() && !of_file.server.empty()) {
    return Session(globals_).FailUsage("the settings in " + Printable(path) + " name both a db and a server");
  }
  const bool is_elsewhere = !globals_.db.empty() || !globals_.server.empty();
  if (!is_elsewhere) {
    globals_.db = of_file.db;
    globals_.server = of_file.server;
    for (auto member : {&TlsFiles::ca, &TlsFiles::certificate, &TlsFiles::key}) {
      if ((globals_.tls.*member).empty()) globals_.tls.*member = of_file.tls.*member;
    }
  }
  const auto given = [this](const char* flag) { return root_.get_option(flag)->count() > 0; };
  if (!output.empty() && !given("--output")) output_name_ = output;
  if (!color.empty() && !given("--color")) color_name_ = color;
  if (of_file.timeout_s != 0 && !given("--timeout")) globals_.timeout_s = of_file.timeout_s;
  return kExitOk;
}

int CommandTree::Dispatch() {
  const CLI::App* command = DeepestParsed(&root_);
  const Session early(globals_);
  const auto run = runs_.find(command);
  if (run == runs_.end()) {
    std::string verbs;
    for (const std::string& name : VerbNames(command)) verbs += (verbs.empty() ? "" : ", ") + name;
    return early.FailUsage("`" + PathOf(command) + "` needs a command: " + verbs,
                           "see `" + PathOf(command) + " --help`");
  }
  if (const int code = ReadSettings(); code != kExitOk) return code;
  const auto format = OutputFormats().find(output_name_);
  if (format == OutputFormats().end()) {
    return early.FailUsage("unknown output format '" + Printable(output_name_) + "'",
                           "use -o table, json, jsonl, csv, tsv or markdown");
  }
  globals_.output = format->second;
  if (color_name_ != "auto" && color_name_ != "always" && color_name_ != "never") {
    return early.FailUsage("--color is auto, always or never");
  }
  globals_.color = color_name_ == "auto"     ? ColorMode::kAuto
                   : color_name_ == "always" ? ColorMode::kAlways
                                             : ColorMode::kNever;
  if (!(globals_.timeout_s >= 0 && globals_.timeout_s < 1e9))
    return early.FailUsage("--timeout is a number of seconds");
  globals_.fields = SplitList(fields_text_);
  if (!globals_.db.empty() && !globals_.server.empty()) {
    return early.FailUsage("--db and --server exclude each other",
                           "--db serves a file in this process, --server asks a running sextantd");
  }
  for (const auto& [value, variable] : {std::pair(&globals_.tls.ca, "SEXTANT_TLS_CA"),
                                        {&globals_.tls.certificate, "SEXTANT_TLS_CERT"},
                                        {&globals_.tls.key, "SEXTANT_TLS_KEY"}}) {
    // A URL says itself what it wants.
    const bool in_clear = globals_.server.rfind("unix:", 0) == 0 || globals_.server.rfind("http:", 0) == 0 ||
                          globals_.server.rfind("grpc:", 0) == 0;
    if (value->empty() && !globals_.server.empty() && !in_clear) *value = FromEnvironment(variable);
  }
  Session session(globals_);
  return run->second(session);
}

CLI::Option* AddNumber(CLI::App* app, const std::string& name, std::optional<double>* value,
                       const std::string& help) {
  return app
      ->add_option_function<std::string>(
          name,
          [name, value](const std::string& text) {
            *value = ParseNumber(text);
            if (!*value) {
              throw CLI::ValidationError(name,
                                         "'" + text + "' is not a number such as 7B, 1.4T, 2^20 or 7e9");
            }
          },
          help)
      ->type_name("NUMBER");
}

CLI::Option* AddWholeNumber(CLI::App* app, const std::string& name, std::optional<std::int64_t>* value,
                            std::int64_t low, std::int64_t high, const std::string& help) {
  return app
      ->add_option_function<std::string>(
          name,
          [name, value, low, high](const std::string& text) {
            std::optional<std::int64_t> whole = importers::ParseInt64(text);
            if (!whole) {
              const std::optional<double> number = ParseNumber(text);
              if (number && *number == std::floor(*number) && std::fabs(*number) < 9e15) {
                whole = static_cast<std::int64_t>(*number);
              }
            }
            if (!whole || *whole < low || *whole > high) {
              throw CLI::ValidationError(name, "'" + text + "' is not a whole number from " +
                                                   std::to_string(low) + " to " + std::to_string(high));
            }
            *value = whole;
          },
          help)
      ->type_name("NUMBER");
}

std::string StudyName(const std::string& id) { return id.rfind("studies/", 0) == 0 ? id : "studies/" + id; }

std::string LawName(const std::string& id) { return id.rfind("laws/", 0) == 0 ? id : "laws/" + id; }

std::string ChildName(const std::string& kind, const std::string& study, const std::string& text) {
  if (text.empty() || text.rfind("studies/", 0) == 0) return text;
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return study.empty() ? "" : StudyName(study) + "/" + kind + "/" + text;
  return StudyName(text.substr(0, slash)) + "/" + kind + "/" + text.substr(slash + 1);
}

std::string IdOf(const std::string& name) { return name.substr(name.rfind('/') + 1); }

}  // namespace sextant::cli
