// SPDX-License-Identifier: Apache-2.0
// Settings of sextantd from a TOML file and from the environment, under its flags.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "server/daemon/flags.h"

namespace sextant::server {

/// Something that is wrong. `line` is 0 where no line of the file is to blame.
struct ConfigProblem {
  int line = 0;
  std::string text;
};

/// Gives the options of `app` that have no value yet those of the file; app has parsed its flags. Goes on
/// after a mistake and returns all of them: a file that cannot be read or is no TOML, a key that there is not
/// (with the nearest one), a value of the wrong type or out of range. `lines`, if given, gets the line of
/// each key.
std::vector<ConfigProblem> ApplyConfigFile(CLI::App& app, const std::string& path,
                                           std::map<std::string, int>* lines = nullptr);

/// The same from variables SEXTANTD_NAME.
std::vector<ConfigProblem> ApplyEnvironment(CLI::App& app);

/// What would keep a server with these flags from starting, as far as can be told without starting it.
/// `lines` says where in the file a flag was set.
std::vector<ConfigProblem> CheckFlags(const Flags& flags, const std::map<std::string, int>& lines);

}  // namespace sextant::server
