// SPDX-License-Identifier: Apache-2.0
// `sextantd migrate FROM TO`: a whole database into another.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace sextant::server {

struct MigrateFlags {
  std::string from, to;
};
void AddMigrateFlags(CLI::App& app, MigrateFlags& flags);

/// `argv` from the word "migrate" on. Returns the exit code.
int RunMigrate(int argc, char** argv);

}  // namespace sextant::server
