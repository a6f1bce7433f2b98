// SPDX-License-Identifier: Apache-2.0
// Runs as a sweep file for sextant-train (docs/trainer.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sextant::cli {

struct SweepRunText {
  double params_non_embedding = 0, tokens = 0, learning_rate = 0, batch_size_tokens = 0;
  std::int64_t seed = 1;
};

/// Width and depth of a model with about so many non-embedding parameters, as sextant-train builds it.
struct ModelSize {
  std::int64_t d_model = 64, layers = 1;
  double params_non_embedding = 0;
};
ModelSize NearestModel(double params_non_embedding);

/// The sweep file: a grid for each run. Batches are rounded to whole sequences, sizes to the nearest that can
/// be built; a comment says what was asked for.
std::string SweepText(const std::string& name, const std::string& tokens_file, std::int64_t sequence_length,
                      const std::vector<SweepRunText>& runs);

}  // namespace sextant::cli
