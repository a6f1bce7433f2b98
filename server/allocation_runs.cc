// SPDX-License-Identifier: Apache-2.0
#include "server/allocation_runs.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/numbers.h"
#include "base/status_macros.h"
#include "server/run_curves.h"

namespace sextant::server {
namespace {

constexpr std::size_t kMostRuns = 20'000;
constexpr std::size_t kLeastValidationPoints = 8;  // fewer say less than the training loss

double TagNumber(const storage::Run& run, const char* key) {
  const auto found = run.tags.find(key);
  const auto value = found == run.tags.end() ? std::nullopt : ParseNumber(found->second);
  return value ? *value : fitting::kNotRecorded;
}

void SetCurve(const fitting::LossCurve& curve, fitting::AllocationRun& run) {
  const auto known = [](const std::vector<double>& column) {
    return static_cast<std::size_t>(
        std::count_if(column.begin(), column.end(), [](double value) { return std::isfinite(value); }));
  };
  const std::vector<double>& loss =
      known(curve.validation_loss) >= kLeastValidationPoints ? curve.validation_loss : curve.train_loss;
  for (std::size_t i = 0; i < curve.tokens.size() && i < loss.size(); ++i) {
    const double tokens = curve.tokens[i];
    if (!(tokens > 0) || !std::isfinite(loss[i])) continue;
    if (!run.curve_tokens.empty() && !(tokens > run.curve_tokens.back())) continue;
    run.curve_tokens.push_back(tokens);
    run.curve_loss.push_back(loss[i]);
  }
}

}  // namespace

absl::StatusOr<std::vector<fitting::AllocationRun>> LoadAllocationRuns(
    storage::Snapshot& snapshot, const std::string& study, const std::vector<storage::Condition>& where,
    bool unfinished_too) {
  ASSIGN_OR_RETURN(auto loaded, LoadRunCurves(snapshot, study, where, kMostRuns));
  std::vector<fitting::AllocationRun> runs;
  for (RunCurve& each : loaded) {
    const storage::Run& run = each.run;
    const bool ended = run.state == fitting::RunState::kFinished ||
                       (unfinished_too && run.state == fitting::RunState::kRunning);
    const bool usable = ended && each.params > 0 && run.tokens > 0 && std::isfinite(run.loss);
    if (!usable) continue;
    fitting::AllocationRun one;
    one.id = run.id;
    one.params = each.params;
    one.counts = {run.params_non_embedding, run.params_total, run.params_active,
                  run.params_non_input_embedding};
    one.tokens = run.tokens;
    one.loss = run.loss;
    one.flops = run.flops;
    one.attention_per_token = 12 * TagNumber(run, "layers") * TagNumber(run, "d_model") * run.sequence_length;
    one.learning_rate = run.learning_rate;
    one.batch_size_tokens = run.batch_size_tokens;
    one.weight_decay = run.weight_decay;
    one.schedule = run.schedule;
    SetCurve(each.curve, one);
    runs.push_back(std::move(one));
  }
  return runs;
}

}  // namespace sextant::server
