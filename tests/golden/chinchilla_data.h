// SPDX-License-Identifier: Apache-2.0
// The runs of Besiroglu et al. 2024 (2404.10102), read where they are at hand.
#pragma once

#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "fitting/law/law.h"
#include "fitting/least_squares/law_data.h"
#include "tests/test_paths.h"

namespace sextant::fitting::golden {

inline constexpr char kChinchillaRuns[] = SEXTANT_SOURCE_DIR "/../shared/data/chinchilla-epoch/runs.csv";
inline constexpr char kNoChinchillaRuns[] = "needs ../shared/data/chinchilla-epoch/runs.csv";

/// Columns N and D, observed loss; the 240 points of their fit, or all 245. nullopt where the file is
/// missing.
inline std::optional<LawData> ReadChinchillaRuns(bool all) {
  std::ifstream file(kChinchillaRuns);
  if (!file) return std::nullopt;
  LawData data;
  data.columns.resize(2);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    double params = 0, flops = 0, tokens = 0, loss = 0;
    int used = 0;
    if (std::sscanf(line.c_str(), "%lf,%lf,%lf,%lf,%d", &params, &flops, &tokens, &loss, &used) != 5)
      continue;
    if (used == 0 && !all) continue;
    data.columns[0].push_back(params);
    data.columns[1].push_back(tokens);
    data.observed.push_back(loss);
  }
  return data;
}

/// A law that ships, by id.
inline std::shared_ptr<const Law> ShippedLaw(const std::string& id) {
  static const auto catalogue = Catalogue::Load(SEXTANT_SOURCE_DIR "/data/laws");
  return catalogue.ok() ? (*catalogue)->Find(id) : nullptr;
}

}  // namespace sextant::fitting::golden
