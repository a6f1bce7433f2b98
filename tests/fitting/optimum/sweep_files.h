// SPDX-License-Identifier: Apache-2.0
// Reads run tables from CSV files for tests and benchmarks.
#pragma once

#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "fitting/run_table.h"
#include "tests/test_paths.h"

namespace sextant::fitting::testing {

/// CSV column names of the quantities; empty where the file has none.
struct SweepColumns {
  std::string params;
  std::string tokens;
  std::string learning_rate;
  std::string batch_size_tokens;
  std::string loss;
};

/// The runs of `path`, or nothing if the file is missing. Plain CSV without quoting.
inline std::optional<RunTable> ReadSweep(const std::string& path, const SweepColumns& columns) {
  std::ifstream file(path);
  if (!file) {
    return std::nullopt;
  }
  const auto split = [](const std::string& line) {
    std::vector<std::string> fields;
    std::istringstream stream(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
    for (std::string field; std::getline(stream, field, ',');) {
      fields.push_back(field);
    }
    return fields;
  };
  std::string line;
  std::getline(file, line);
  std::map<std::string, std::size_t> index;
  for (const std::string& name : split(line)) {
    index.emplace(name, index.size());
  }
  RunTable runs;
  while (std::getline(file, line)) {
    const std::vector<std::string> fields = split(line);
    const auto value = [&](const std::string& name) {
      return name.empty() ? std::numeric_limits<double>::quiet_NaN()
                          : std::strtod(fields.at(index.at(name)).c_str(), nullptr);
    };
    runs.id.push_back("run-" + std::to_string(runs.id.size()));
    runs.params.push_back(value(columns.params));
    runs.tokens.push_back(value(columns.tokens));
    runs.learning_rate.push_back(value(columns.learning_rate));
    runs.batch_size_tokens.push_back(value(columns.batch_size_tokens));
    runs.loss.push_back(value(columns.loss));
    runs.state.push_back(RunState::kFinished);
  }
  return runs;
}

/// The dense Step Law table (Li et al. 2025, 2503.04715), if it is on this machine.
inline std::optional<RunTable> ReadStepLawDense() {
  return ReadSweep(SEXTANT_SOURCE_DIR "/../shared/data/steplaw-dense/runs.csv",
                   {"N", "D", "lr", "batch_tokens", "smooth_loss"});
}

}  // namespace sextant::fitting::testing
