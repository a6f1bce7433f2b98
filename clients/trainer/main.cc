// SPDX-License-Identifier: Apache-2.0
// sextant-train: calibration runs on GPUs, or slowly on the CPU reference.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "clients/trainer/commands/commands.h"

namespace sextant::trainer {

int Report(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "sextant-train: %s\n", std::string(status.message()).c_str());
  return status.code() == absl::StatusCode::kInvalidArgument ? kExitUsage : kExitFailure;
}

}  // namespace sextant::trainer

int main(int argc, char** argv) {
  CLI::App app("Train calibration runs of small decoder-only transformers, many at once.", "sextant-train");
  app.require_subcommand(1);
  app.set_version_flag("--version", SEXTANT_VERSION);
  int exit_code = 0;
  sextant::trainer::AddRun(&app, &exit_code);
  sextant::trainer::AddSweep(&app, &exit_code);
  sextant::trainer::AddPlan(&app, &exit_code);
  sextant::trainer::AddTokens(&app, &exit_code);
  sextant::trainer::AddBench(&app, &exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : sextant::trainer::kExitUsage;
  }
  return exit_code;
}
