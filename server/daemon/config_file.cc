// SPDX-License-Identifier: Apache-2.0
#include "server/daemon/config_file.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/edit_distance.h"
#include "base/printable.h"
#include "server/access/access.h"
#include "server/credentials.h"

namespace sextant::server {
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;

// Said on the command line alone.
bool IsCommand(const std::string& name) {
  return name == "help" || name == "version" || name == "config" || name == "check-config" ||
         name == "man-page" || name == "renew-checksums";
}

std::vector<std::string> KeysOf(const CLI::App& app) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (!IsCommand(name)) keys.push_back(name);
    }
  }
  return keys;
}

bool TakesNumber(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.rfind("INT", 0) == 0 || type.rfind("FLOAT", 0) == 0 || type.rfind("UINT", 0) == 0;
}

// Sets an option as if it had been a flag; what is wrong with the values, or nothing.
std::string Set(CLI::Option& option, const std::string& key, const std::vector<std::string>& values) {
  try {
    for (const std::string& value : values) {
      option.add_result(option.get_expected_max() == 0 ? option.get_flag_value(key, value) : value);
    }
    option.run_callback();
    return "";
  } catch (const CLI::Error& error) {
    option.clear();
    return Printable(error.what());
  }
}

// A value of the file as text, in the type that the option takes.
absl::StatusOr<std::vector<std::string>> TextOf(const CLI::Option& option, const toml::node& node) {
  if (option.get_expected_max() == 0) {
    if (const auto flag = node.value_exact<bool>()) return std::vector<std::string>{*flag ? "true" : "false"};
    return absl::InvalidArgumentError("is true or false");
  }
  if (TakesNumber(option)) {
    if (const auto whole = node.value_exact<std::int64_t>()) return std::vector{absl::StrCat(*whole)};
    if (const auto number = node.value_exact<double>()) return std::vector{absl::StrCat(*number)};
    return absl::InvalidArgumentError("is a number");
  }
  if (const auto text = node.value_exact<std::string>()) return std::vector{*text};
  const toml::array* array = node.as_array();
  if (array == nullptr || option.get_expected_max() <= 1) {
    return absl::InvalidArgumentError(option.get_expected_max() > 1 ? "is a text or a list of texts"
                                                                    : "is a text, in quotes");
  }
  std::vector<std::string> texts;
  for (const toml::node& item : *array) {
    const auto text = item.value_exact<std::string>();
    if (!text) return absl::InvalidArgumentError("is a list of texts");
    texts.push_back(*text);
  }
  if (texts.empty()) return absl::InvalidArgumentError("is an empty list");
  return texts;
}

std::string CannotRead(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return "there is no such file";
  if (!std::filesystem::is_regular_file(status)) return "not a file";
  if (std::filesystem::file_size(path, error) > kMaxConfigBytes) return "larger than 1 MiB";
  return access(path.c_str(), R_OK) == 0 ? "" : "may not be read by this user";
}

void AddPath(const std::string& key, const std::string& what, const std::map<std::string, int>& lines,
             std::vector<ConfigProblem>& problems) {
  const auto line = lines.find(key);
  problems.push_back({line == lines.end() ? 0 : line->second, what});
}

// The line of the flag that a message begins with.
int LineIn(const std::string& message, const std::map<std::string, int>& lines) {
  for (const auto& [key, line] : lines) {
    if (message.find("--" + key) != std::string::npos) return line;
  }
  return 0;
}

}  // namespace

std::vector<ConfigProblem> ApplyConfigFile(CLI::App& app, const std::string& path,
                                           std::map<std::string, int>* lines) {
  if (const std::string unreadable = CannotRead(path); !unreadable.empty()) return {{0, unreadable}};
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  toml::table table;
  try {
    table = toml::parse(text.str());
  } catch (const toml::parse_error& error) {
    return {{static_cast<int>(error.source().begin.line), Printable(error.description())}};
  }
  std::vector<ConfigProblem> problems;
  const std::vector<std::string> keys = KeysOf(app);
  for (auto&& [toml_key, node] : table) {
    const std::string key(toml_key.str());
    const int line = static_cast<int>(node.source().begin.line);
    CLI::Option* option = IsCommand(key) ? nullptr : app.get_option_no_throw("--" + key);
    if (option == nullptr) {
      const std::string nearest = Nearest(key, keys);
      problems.push_back({line, absl::StrCat("there is no setting '", Printable(key), "'",
                                             nearest.empty() ? "" : "; did you mean '" + nearest + "'?")});
      continue;
    }
    if (lines != nullptr) (*lines)[key] = line;
    const auto values = TextOf(*option, node);
    std::string wrong = values.ok() ? "" : absl::StrCat(key, " ", std::string(values.status().message()));
    if (values.ok() && option->count() == 0) wrong = Set(*option, key, *values);
    if (!wrong.empty()) problems.push_back({line, wrong});
  }
  std::sort(problems.begin(), problems.end(),
            [](const ConfigProblem& a, const ConfigProblem& b) { return a.line < b.line; });
  return problems;
}

std::vector<ConfigProblem> ApplyEnvironment(CLI::App& app) {
  std::vector<ConfigProblem> problems;
  for (const std::string& key : KeysOf(app)) {
    const std::string variable =
        absl::StrCat("SEXTANTD_", absl::AsciiStrToUpper(absl::StrReplaceAll(key, {{"-", "_"}})));
    const char* value = std::getenv(variable.c_str());
    CLI::Option* option = app.get_option("--" + key);
    if (value == nullptr || *value == '\0' || option->count() > 0) continue;
    std::vector<std::string> values = {value};
    if (option->get_expected_max() > 1) values = absl::StrSplit(value, ',', absl::SkipEmpty());
    const std::string wrong = Set(*option, key, values);
    if (!wrong.empty()) problems.push_back({0, absl::StrCat(variable, ": ", wrong)});
  }
  return problems;
}

std::vector<ConfigProblem> CheckFlags(const Flags& flags, const std::map<std::string, int>& lines) {
  std::vector<ConfigProblem> problems;
  for (const std::string& problem : OptionProblems(flags.server)) {
    problems.push_back({LineIn(problem, lines), problem});
  }
  const auto add = [&](const std::string& key, const absl::Status& status) {
    if (!status.ok()) AddPath(key, std::string(status.message()), lines, problems);
  };
  if (!flags.server.token_file.empty()) {
    add("token-file", ReadTokenFile(flags.server.token_file).status());
  }
  if (!flags.server.tls_certificate.empty() && !flags.server.tls_key.empty()) {
    add("tls-cert", MakeCredentials(flags.server).status());
  }
  // Folders that the server does not make.
  const auto folder_of = [](const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    return folder.empty() ? std::string(".") : folder;
  };
  const auto need_folder = [&](const std::string& key, const std::string& folder) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored)) {
      AddPath(key, absl::StrCat("--", key, ": there is no folder ", folder), lines, problems);
    } else if (access(folder.c_str(), W_OK | X_OK) != 0) {
      AddPath(key, absl::StrCat("--", key, ": this user may not write in ", folder), lines, problems);
    }
  };
  if (!flags.server.database.empty() && DatabaseIsFile(flags.server.database)) {
    need_folder("db", folder_of(*DatabasePath(flags.server.database)));
  }
  if (!flags.server.audit_log.empty()) need_folder("audit-log", folder_of(flags.server.audit_log));
  if (!flags.backup_folder.empty()) need_folder("backup-dir", flags.backup_folder);
  return problems;
}

}  // namespace sextant::server
