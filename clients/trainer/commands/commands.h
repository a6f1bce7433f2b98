// SPDX-License-Identifier: Apache-2.0
// The verbs of sextant-train. Each adds its subcommand to `app`; the chosen one leaves its exit code in
// *exit_code.
#pragma once

#include <absl/status/status.h>

namespace CLI {
class App;
}

namespace sextant::trainer {

// Exit codes, as the design has them: 0 done, 1 failure, 2 usage.
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

void AddRun(CLI::App* app, int* exit_code);
void AddSweep(CLI::App* app, int* exit_code);
void AddPlan(CLI::App* app, int* exit_code);
void AddTokens(CLI::App* app, int* exit_code);
void AddBench(CLI::App* app, int* exit_code);

// Prints the error to stderr in one line and says what to exit with; 0 for an OK status.
int Report(const absl::Status& status);

}  // namespace sextant::trainer
