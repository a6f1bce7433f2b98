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

}  // namespace sextant::cli
