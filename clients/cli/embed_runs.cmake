# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT: the table RUNS as C++ text, for `sextant demo`.
file(READ "${RUNS}" text)
file(WRITE "${OUTPUT}" "// Made by clients/cli/embed_runs.cmake from data/calibration (CC-BY-4.0).
#include \"clients/cli/demo_runs.h\"

namespace sextant::cli {

std::string_view DemoRuns() {
  static constexpr char kText[] = R\"~runs~(${text})~runs~\";
  return {kText, sizeof(kText) - 1};
}

}  // namespace sextant::cli
")
