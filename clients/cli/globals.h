// SPDX-License-Identifier: Apache-2.0
// What the global flags say.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/target.h"

namespace sextant::cli {

enum class OutputFormat { kTable, kJson, kJsonl, kCsv, kTsv, kMarkdown };
enum class ColorMode { kAuto, kAlways, kNever };

struct Globals {
  std::string db;      ///< file of the embedded mode; empty: the default path
  std::string server;  ///< HOST:PORT or a URL; empty: embedded mode
  TlsFiles tls;
  bool token_in_clear = false;  ///< send the token over a network without TLS
  OutputFormat output = OutputFormat::kTable;
  ColorMode color = ColorMode::kAuto;
  bool quiet = false;
  int verbose = 0;
  double timeout_s = 0;  ///< of each call; 0: 60 s for calls that answer at once, none for fits and uploads
  std::vector<std::string> fields;
};

/// $XDG_DATA_HOME/sextant/sextant.db, or ~/.local/share/sextant/sextant.db; empty without a home.
std::string DefaultDatabasePath();

}  // namespace sextant::cli
