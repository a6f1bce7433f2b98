// SPDX-License-Identifier: Apache-2.0
// The runs of one recipe as cells of one N and D: the best setting of each, its mean over seeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sextant::fitting::comparison {

/// One finished run. NaN where it does not record a quantity; N, D and the loss are always there.
struct RecipeRun {
  double params = 0, tokens = 0, loss = 0;
  double flops = std::numeric_limits<double>::quiet_NaN();
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  double batch_size_tokens = std::numeric_limits<double>::quiet_NaN();
  double tokens_per_second = std::numeric_limits<double>::quiet_NaN();
  /// Of everything else that a run sets (schedule, decay, warm-up, …): equal for runs that differ by seed
  /// alone.
  std::string other_settings = {};
  std::optional<std::int64_t> seed = std::nullopt;
};

/// Runs of one N, D and setting.
struct RepeatGroup {
  double params = 0, tokens = 0, flops = 0;
  double mean_loss = 0;
  double sum_squares = 0;  ///< of ln loss about its mean
  std::size_t runs = 0;
};

/// One N and D: what the recipe reaches there with its best setting.
struct RecipeCell {
  double params = 0, tokens = 0;
  double flops = 0;              ///< as recorded, else 6 N D
  double loss = 0;               ///< mean over the seeds of the best setting
  std::size_t repeats = 1;       ///< runs of that setting
  std::size_t settings = 1;      ///< tried
  double tokens_per_second = 0;  ///< geometric mean of the runs that record it; 0 where none does
};

/// Runs that differ by seed alone. Runs of one setting without seeds count as repeats when their losses
/// differ; equal ones are one run that was recorded twice.
std::vector<RepeatGroup> RepeatGroups(std::span<const RecipeRun> runs);

/// By rising FLOPs. Runs share a cell when N and D agree within 1 %.
std::vector<RecipeCell> CellsOf(std::span<const RecipeRun> runs);

/// Cells that no other beats with as little compute: the lower envelope of loss over FLOPs.
std::vector<RecipeCell> Envelope(const std::vector<RecipeCell>& cells);

}  // namespace sextant::fitting::comparison
