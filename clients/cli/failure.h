// SPDX-License-Identifier: Apache-2.0
// What went wrong, for people: one line of what, every detail, one line of what to do.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace sextant::cli {

struct Failure {
  int exit_code = 0;
  std::string what;
  std::vector<std::string> details;  ///< field violations and the like, one a line
  std::string advice;                ///< empty: nothing to advise
};

/// A server's answer: its google.rpc details rendered, its exit code chosen (4 for the reasons that mean a
/// withheld answer, else 64 + code). `target` is the server's address, or empty in embedded mode.
Failure FromServer(const grpc::Status& status, const std::string& target);

/// A fit that ended without a result, from the code, reason and message it carries.
Failure FromFitError(int code, const std::string& reason, const std::string& message);

/// Exit code 1, with the status's message.
Failure FromLocal(const absl::Status& status, const std::string& advice = {});

/// What to do when a database cannot be opened; empty when the status's message says it all.
std::string AdviceForOpening(const absl::Status& status);

/// Control characters of foreign text made harmless for a terminal.
std::string Safe(const std::string& text);
/// The same for text whose line ends are meant.
std::string SafeLines(const std::string& text);

}  // namespace sextant::cli
