// SPDX-License-Identifier: Apache-2.0
// The tables of a sweep file that name runs: [[grid]] and [[trunk]].
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "clients/trainer/sweep/spec.h"
#include "clients/trainer/sweep/toml_table.h"

namespace sextant::trainer {

// What [model] and [schedule] say for all runs.
struct Defaults {
  int sequence_length = 0;
  ScheduleKind kind = ScheduleKind::kCosine;
  double warmup_fraction = 0.04;
  double warmup_tokens = 0;  // instead of the fraction where positive
  double decay_fraction = 0.2;
  double final_fraction = 0;
};

void ReadSchedule(TomlTable* table, Defaults* defaults);

// What every combination of a table is made of.
struct Axes {
  std::vector<ModelShape> shapes;
  std::vector<double> batches, rates, decays, seeds, data_seeds;

  // Reads the keys that both kinds of table have.
  static Axes Read(TomlTable* table, int sequence_length);
  double count() const;
  // Calls `run` with each shape and batch. A batch that cannot be is the table's error.
  void EachSize(TomlTable* table, const std::function<void(RunSpec)>& run) const;
  // Calls `run` with each combination of the other axes filled in.
  void EachSetting(RunSpec base, const std::function<void(RunSpec)>& run) const;
};

// Whole windows of a batch of so many tokens; 0 and an error of `key` when it is not a multiple of the
// sequence length.
int BatchSequences(TomlTable* table, const char* key, double batch, int sequence_length);
int64_t WarmupSteps(const Defaults& defaults, int64_t steps, int64_t batch_size_tokens);

// Each adds the table's combinations to the sweep, leaving out those whose id is in `ids`, and returns what
// is wrong with it; empty for nothing.
std::string ReadGrid(TomlTable grid, const Defaults& defaults, std::set<std::string>* ids, Sweep* sweep);
std::string ReadTrunk(TomlTable table, const Defaults& defaults, std::set<std::string>* ids, Sweep* sweep);

}  // namespace sextant::trainer
