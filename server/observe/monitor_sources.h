// SPDX-License-Identifier: Apache-2.0
// What monitoring asks a server: the HTTP server answers probes and Prometheus from it.
#pragma once

#include <functional>
#include <string>

namespace sextant::server {

/// Called from any thread, while the server lives. An empty function is not asked.
struct MonitorSources {
  std::function<std::string()> metrics;  ///< Prometheus' text format 0.0.4
  std::function<bool()> alive;           ///< the process does its work; may take seconds when it does not
  std::function<bool()> ready;           ///< calls are taken
};

}  // namespace sextant::server
