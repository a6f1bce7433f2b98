// SPDX-License-Identifier: Apache-2.0
// The flags of sextantd. The configuration file, the environment, --help and the man page are made of them.
#pragma once

#include <absl/status/status.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <string>

#include "server/http/http_server.h"
#include "server/options.h"

namespace sextant::server {

/// Everything that an operator can say, from whichever place.
struct Flags {
  ServerOptions server;
  std::string config;  ///< TOML file
  bool check_config = false;
  std::string fsync = "full";
  std::string port_file, http_port_file;
  http::HttpOptions http;
  std::string log_format = "text";
  double shutdown_seconds = 10;
  int max_connections = 0, max_connections_per_peer = 0;
  std::string backup_folder, backup_every = "24h";
  int backup_keep = 7;
};

void AddFlags(CLI::App& app, Flags& flags);

/// "90s", "30m", "24h", "7d"; a bare number is seconds. Zero for anything else, and above ten years.
std::chrono::seconds ParseDuration(const std::string& text);

}  // namespace sextant::server
