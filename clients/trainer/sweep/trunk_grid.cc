// SPDX-License-Identifier: Apache-2.0
// [[trunk]]: runs that hold their rate after warm-up, and the branches that leave them.
#include <algorithm>
#include <cmath>

#include "clients/trainer/sweep/grid.h"

namespace sextant::trainer {
namespace {

// [trunk.batches]: branches that go on at several batches for the same tokens. The rate of a branch is the
// trunk's times (its batch / the trunk's)^rate_exponent; 0.5 is the square-root rule for Adam that Merrill et
// al. 2025 (arXiv 2505.23971) branch with.
struct BatchBranches {
  std::vector<double> at, batches;
  double tokens = 0;
  double rate_exponent = 0.5;
  double decay_fraction = 0;  // of `tokens`, over which the rate falls
};

struct Branching {
  std::vector<double> horizons;
  double decay_fraction = 0.2;  // of the horizon
  double warmup_tokens = 0;
  double final_fraction = 0;
  BatchBranches batches;
};

BatchBranches ReadBatches(TomlTable* trunk) {
  BatchBranches read;
  const toml::node* node = trunk->Find("batches");
  if (node == nullptr) return read;
  if (!node->is_table()) {
    trunk->Fail("batches", "must be a table");
    return read;
  }
  TomlTable table(node->as_table(), "trunk.batches");
  read.at = table.Numbers("at", 1, 1e15, {});
  read.batches = table.Numbers("batch_size_tokens", 1, 1 << 26, {});
  table.Number("tokens", 1, 1e15, &read.tokens);
  if (read.tokens == 0) table.Fail("tokens", "is missing");
  table.Number("rate_exponent", -2, 2, &read.rate_exponent);
  table.Number("decay_fraction", 0, 1, &read.decay_fraction);
  for (const double batch : read.batches) {
    if (std::fmod(read.tokens, batch) != 0)
      table.Fail("tokens",
                 absl::StrCat("must be a multiple of every batch, so that all branches see the same; ", batch,
                              " does not divide it"));
  }
  if (std::string error = table.Error(); !error.empty()) trunk->FailWith(error);
  return read;
}

Branching ReadBranching(TomlTable* trunk, const Defaults& defaults) {
  Branching read;
  read.batches = ReadBatches(trunk);
  if (trunk->Find("horizons") != nullptr) read.horizons = trunk->Numbers("horizons", 1, 1e15, {});
  if (read.horizons.empty() && read.batches.at.empty())
    trunk->Fail("horizons", "is missing: name horizons, [trunk.batches] or both");
  read.decay_fraction = defaults.decay_fraction;
  read.final_fraction = defaults.final_fraction;
  read.warmup_tokens = defaults.warmup_tokens;
  trunk->Number("decay_fraction", 1e-6, 1, &read.decay_fraction);
  trunk->Number("warmup_tokens", 1, 1e15, &read.warmup_tokens);
  if (read.warmup_tokens == 0) {
    // Of the shortest run, so that its branch leaves behind the warm-up.
    double shortest = HUGE_VAL;
    for (const double tokens : read.horizons) shortest = std::min(shortest, tokens);
    for (const double tokens : read.batches.at) shortest = std::min(shortest, tokens);
    read.warmup_tokens = std::max(1.0, std::isfinite(shortest) ? defaults.warmup_fraction * shortest : 1.0);
  }
  return read;
}

// Branches of a trunk of this shape, batch and setting; an error is the table's.
class Branches {
 public:
  Branches(TomlTable* table, const Branching& branching, RunSpec trunk)
      : table_(table), branching_(branching), trunk_(std::move(trunk)) {}

  void AddHorizon(double horizon) {
    const auto steps = static_cast<int64_t>(horizon / static_cast<double>(trunk_.batch_size_tokens()));
    const auto decay = static_cast<int64_t>(branching_.decay_fraction * static_cast<double>(steps));
    if (decay < 1 || steps - decay < trunk_.schedule.warmup_steps) {
      return table_->Fail(
          "horizons",
          absl::StrCat(horizon, " leaves no room for the warm-up of ", trunk_.schedule.warmup_steps,
                       " steps of ", trunk_.batch_size_tokens(), " tokens and a decay behind it"));
    }
    Add(RunRole::kHorizon, trunk_.batch_sequences, trunk_.settings.learning_rate, steps - decay, steps,
        decay);
  }

  void AddBatch(double at, double batch) {
    const BatchBranches& batches = branching_.batches;
    const auto step = static_cast<int64_t>(at / static_cast<double>(trunk_.batch_size_tokens()));
    if (step < trunk_.schedule.warmup_steps)
      return table_->Fail("batches.at", absl::StrCat(at, " lies in the warm-up"));
    const int sequences =
        BatchSequences(table_, "batches.batch_size_tokens", batch, trunk_.shape.sequence_length);
    if (sequences == 0) return;
    const auto steps = static_cast<int64_t>(batches.tokens / batch);
    const double ratio = batch / static_cast<double>(trunk_.batch_size_tokens());
    Add(RunRole::kBatch, sequences, trunk_.settings.learning_rate * std::pow(ratio, batches.rate_exponent),
        step, step + steps, static_cast<int64_t>(batches.decay_fraction * static_cast<double>(steps)));
  }

  // The trunk up to its last branch, with everything named.
  Trunk Close() {
    Trunk trunk{trunk_, std::move(branches_)};
    for (const RunSpec& run : trunk.branches)
      trunk.run.schedule.steps = std::max(trunk.run.schedule.steps, run.from.step);
    trunk.run.run_id = MakeRunId(trunk.run);
    ShareTrunk(&trunk);
    for (RunSpec& run : trunk.branches) {
      run.from.parent = trunk.run.run_id;
      run.run_id = MakeRunId(run);
    }
    return trunk;
  }

 private:
  void Add(RunRole role, int batch_sequences, double rate, int64_t step, int64_t end, int64_t decay) {
    RunSpec run = trunk_;
    run.role = role;
    run.batch_sequences = batch_sequences;
    run.settings.learning_rate = rate;
    run.schedule.steps = end;
    run.schedule.decay_steps = decay;
    run.from.step = step;
    run.from.tokens = step * trunk_.batch_size_tokens();
    run.from.learning_rate = trunk_.settings.learning_rate;
    branches_.push_back(std::move(run));
  }

  static void ShareTrunk(Trunk* trunk) {
    std::vector<RunSpec>& runs = trunk->branches;
    std::stable_sort(runs.begin(), runs.end(),
                     [](const RunSpec& a, const RunSpec& b) { return a.from.step < b.from.step; });
    double share = 0;
    int64_t previous = 0;
    for (size_t i = 0; i < runs.size(); ++i) {
      share += static_cast<double>(runs[i].from.tokens - previous) / static_cast<double>(runs.size() - i);
      previous = runs[i].from.tokens;
      runs[i].from.shared_tokens = share;
    }
  }

  TomlTable* table_;
  const Branching& branching_;
  RunSpec trunk_;
  std::vector<RunSpec> branches_;
};

}  // namespace

std::string ReadTrunk(TomlTable table, const Defaults& defaults, std::set<std::string>* ids, Sweep* sweep) {
  const Axes axes = Axes::Read(&table, defaults.sequence_length);
  const Branching branching = ReadBranching(&table, defaults);
  if (std::string error = table.Error(); !error.empty()) return error;
  const double branches = static_cast<double>(branching.horizons.size()) +
                          static_cast<double>(branching.batches.at.size() * branching.batches.batches.size());
  if (axes.count() * (1 + branches) + static_cast<double>(sweep->run_count()) > kMaxRuns)
    return absl::StrCat("the tables name more than ", kMaxRuns, " runs");
  axes.EachSize(&table, [&](RunSpec base) {
    base.role = RunRole::kTrunk;
    base.schedule.kind = ScheduleKind::kWsd;
    base.schedule.final_fraction = branching.final_fraction;
    base.schedule.warmup_steps = std::max<int64_t>(
        1, static_cast<int64_t>(branching.warmup_tokens / static_cast<double>(base.batch_size_tokens())));
    axes.EachSetting(base, [&](RunSpec run) {
      Branches of(&table, branching, std::move(run));
      for (const double horizon : branching.horizons) of.AddHorizon(horizon);
      for (const double at : branching.batches.at)
        for (const double batch : branching.batches.batches) of.AddBatch(at, batch);
      Trunk trunk = of.Close();
      bool fresh = ids->insert(trunk.run.run_id).second;
      for (const RunSpec& branch : trunk.branches) fresh = ids->insert(branch.run_id).second && fresh;
      if (!fresh) return table.Fail("sizes", "and horizons or batches name a run twice: " + trunk.run.run_id);
      sweep->trunks.push_back(std::move(trunk));
    });
  });
  return table.Error();
}

}  // namespace sextant::trainer
