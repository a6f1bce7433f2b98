// SPDX-License-Identifier: Apache-2.0
// Why a server cannot be reached, by the steps of reaching it.
#pragma once

#include <string>

namespace sextant::cli {

struct ProbeResult {
  bool reachable = false;
  std::string what;    ///< what was found: addresses, or the step that failed
  std::string advice;  ///< what to do, if it failed
};

/// Resolves HOST:PORT (or finds unix:PATH) and opens a plain connection to it, within `timeout_s`.
ProbeResult ProbeServer(const std::string& target, double timeout_s);

/// A warning when the environment sends gRPC through a proxy although `target` is this machine; empty
/// otherwise.
std::string ProxyWarning(const std::string& target);

}  // namespace sextant::cli
