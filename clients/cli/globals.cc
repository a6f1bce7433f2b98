// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/globals.h"

#include <cstdlib>

namespace sextant::cli {

std::string DefaultDatabasePath() {
  const char* data = std::getenv("XDG_DATA_HOME");
  // The XDG rules say that a relative path is to be ignored.
  if (data != nullptr && data[0] == '/') return std::string(data) + "/sextant/sextant.db";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] == '\0') return {};
  return std::string(home) + "/.local/share/sextant/sextant.db";
}

std::string DefaultSettingsPath() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && config[0] == '/') return std::string(config) + "/sextant/config.toml";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] == '\0') return {};
  return std::string(home) + "/.config/sextant/config.toml";
}

}  // namespace sextant::cli
