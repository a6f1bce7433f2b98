// SPDX-License-Identifier: Apache-2.0
// The runs of one study as columns: what every estimator reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

namespace sextant::fitting {

enum class RunState : std::uint8_t { kUnspecified, kRunning, kFinished, kDiverged, kCrashed };

/// One entry a run in every column; NaN where a run does not record the quantity.
///
/// Values are as recorded: no snapping, no unit conversion. Whoever fills the table resolves which
/// parameter count the study uses (`params`) and never mixes studies. Plain data, not synchronised.
struct RunTable {
  std::vector<std::string> id;            ///< run id within the study
  std::vector<double> params;             ///< N, parameters, in the study's declared counting
  std::vector<double> tokens;             ///< D, training tokens processed
  std::vector<double> learning_rate;      ///< peak learning rate
  std::vector<double> batch_size_tokens;  ///< tokens per optimizer step
  std::vector<double> sequence_length;    ///< tokens
  std::vector<double> steps;              ///< optimizer steps
  std::vector<double> weight_decay;       ///< decoupled weight decay
  std::vector<double> adam_beta2;         ///< second-moment decay per step
  std::vector<double> loss;               ///< final loss in the study's unit; NaN or infinite if diverged
  /// What the study declares beside these: variables and objectives, by name.
  std::map<std::string, std::vector<double>> declared;
  /// Tells models of one N apart, as experts do, and the variables that a study declares: runs with different
  /// keys are never compared as one model at one N and D. Empty where N tells all.
  std::vector<std::uint64_t> model;
  /// Each run's recipe, an index into `recipes`: its schedule and optimizer as a filter would name them
  /// ("schedule = cosine AND optimizer = adamw"); -1 where neither is recorded. May be empty.
  std::vector<std::int32_t> recipe;
  std::vector<std::string> recipes;
  std::vector<RunState> state;  ///< kDiverged and kCrashed runs are never fitted

  std::size_t size() const { return id.size(); }
};

/// The rows that `keep` marks, one entry a run. Columns of length 0 stay empty.
inline RunTable SelectRows(const RunTable& runs, const std::vector<bool>& keep) {
  const auto select = [&keep](const auto& column) {
    std::decay_t<decltype(column)> kept;
    for (std::size_t row = 0; row < column.size(); ++row) {
      if (keep[row]) kept.push_back(column[row]);
    }
    return kept;
  };
  RunTable selected;
  selected.id = select(runs.id);
  for (const auto column : {&RunTable::params, &RunTable::tokens, &RunTable::learning_rate,
                            &RunTable::batch_size_tokens, &RunTable::sequence_length, &RunTable::steps,
                            &RunTable::weight_decay, &RunTable::adam_beta2, &RunTable::loss}) {
    selected.*column = select(runs.*column);
  }
  for (const auto& [name, column] : runs.declared) selected.declared[name] = select(column);
  selected.model = select(runs.model);
  selected.recipe = select(runs.recipe);
  selected.recipes = runs.recipes;
  selected.state = select(runs.state);
  return selected;
}

}  // namespace sextant::fitting
