// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/grid.h"

#include <algorithm>
#include <cmath>

namespace sextant::trainer {
namespace {

std::vector<ModelShape> ReadSizes(TomlTable* table, int sequence_length) {
  std::vector<ModelShape> shapes;
  const toml::node* node = table->Find("sizes");
  const toml::array* list = node == nullptr ? nullptr : node->as_array();
  if (list == nullptr || list->empty()) {
    table->Fail("sizes", "must be a list of tables like {d_model = 128, layers = 4}");
    return shapes;
  }
  for (const toml::node& item : *list) {
    TomlTable size(item.as_table(), table->name() + ".sizes");
    ModelShape shape{0, 0, 0, 8, sequence_length};
    size.Integer("d_model", 1, 1e6, &shape.d_model);
    size.Integer("layers", 1, 1e6, &shape.layers);
    size.Integer("ffn_hidden", 1, 1e6, &shape.ffn_hidden);
    if (shape.ffn_hidden == 0) shape.ffn_hidden = DefaultFfnHidden(shape.d_model);
    std::string error = size.Error();
    if (error.empty()) {
      if (absl::Status status = Validate(shape); !status.ok())
        error = absl::StrCat(table->name(), ".sizes: ", std::string(status.message()));
    }
    if (!error.empty()) {
      table->FailWith(error);
      return shapes;
    }
    shapes.push_back(shape);
  }
  return shapes;
}

Schedule MakeSchedule(const Defaults& defaults, int64_t steps, int64_t batch_size_tokens) {
  Schedule schedule;
  schedule.kind = defaults.kind;
  schedule.steps = steps;
  schedule.warmup_steps = std::min(steps, WarmupSteps(defaults, steps, batch_size_tokens));
  if (defaults.kind == ScheduleKind::kWsd) {
    schedule.decay_steps =
        std::min(steps - schedule.warmup_steps,
                 static_cast<int64_t>(defaults.decay_fraction * static_cast<double>(steps)));
  }
  schedule.final_fraction = defaults.final_fraction;
  return schedule;
}

}  // namespace

void ReadSchedule(TomlTable* table, Defaults* defaults) {
  std::string kind = "cosine";
  table->Text("kind", &kind);
  if (kind == "linear") {
    defaults->kind = ScheduleKind::kLinear;
  } else if (kind == "wsd") {
    defaults->kind = ScheduleKind::kWsd;
  } else if (kind != "cosine") {
    table->Fail("kind", "must be cosine, linear or wsd");
  }
  if (table->Find("warmup_fraction") != nullptr && table->Find("warmup_tokens") != nullptr)
    table->Fail("warmup_tokens", "and schedule.warmup_fraction are both given; name one");
  table->Number("warmup_fraction", 0, 1, &defaults->warmup_fraction);
  table->Number("warmup_tokens", 1, 1e15, &defaults->warmup_tokens);
  table->Number("decay_fraction", 0, 1, &defaults->decay_fraction);
  table->Number("final_fraction", 0, 1, &defaults->final_fraction);
}

Axes Axes::Read(TomlTable* table, int sequence_length) {
  Axes axes;
  axes.shapes = ReadSizes(table, sequence_length);
  axes.batches = table->Numbers("batch_size_tokens", 1, 1 << 26, {});
  axes.rates = table->Numbers("learning_rates", 1e-12, 1e6, {});
  axes.decays = table->Numbers("weight_decays", 0, 1e3, {0.1});
  axes.seeds = table->Numbers("seeds", 0, 1e15, {1});
  axes.data_seeds = table->Numbers("data_seeds", 0, 1e15, {1});
  return axes;
}

double Axes::count() const {
  return static_cast<double>(shapes.size() * batches.size() * rates.size()) *
         static_cast<double>(decays.size() * seeds.size() * data_seeds.size());
}

int BatchSequences(TomlTable* table, const char* key, double batch, int sequence_length) {
  const int sequences = static_cast<int>(batch) / sequence_length;
  if (sequences >= 1 && static_cast<double>(sequences) * sequence_length == batch) return sequences;
  table->Fail(key, absl::StrCat(batch, " is not a multiple of the sequence length ", sequence_length));
  return 0;
}

int64_t WarmupSteps(const Defaults& defaults, int64_t steps, int64_t batch_size_tokens) {
  const double wanted = defaults.warmup_tokens > 0
                            ? defaults.warmup_tokens / static_cast<double>(batch_size_tokens)
                            : defaults.warmup_fraction * static_cast<double>(steps);
  return std::max<int64_t>(1, static_cast<int64_t>(wanted));
}

void Axes::EachSize(TomlTable* table, const std::function<void(RunSpec)>& run) const {
  RunSpec base;
  for (const ModelShape& shape : shapes) {
    base.shape = shape;
    for (const double batch : batches) {
      base.batch_sequences = BatchSequences(table, "batch_size_tokens", batch, shape.sequence_length);
      if (base.batch_sequences == 0) return;
      run(base);
    }
  }
}

void Axes::EachSetting(RunSpec base, const std::function<void(RunSpec)>& run) const {
  for (const double rate : rates) {
    for (const double decay : decays) {
      for (const double seed : seeds) {
        for (const double data_seed : data_seeds) {
          base.settings = {rate, decay, static_cast<uint64_t>(seed), static_cast<uint64_t>(data_seed)};
          run(base);
        }
      }
    }
  }
}

std::string ReadGrid(TomlTable grid, const Defaults& defaults, std::set<std::string>* ids, Sweep* sweep) {
  const Axes axes = Axes::Read(&grid, defaults.sequence_length);
  const std::vector<double> horizons = grid.Numbers("tokens", 1, 1e15, {});
  if (std::string error = grid.Error(); !error.empty()) return error;
  if (axes.count() * static_cast<double>(horizons.size()) + static_cast<double>(sweep->run_count()) >
      kMaxRuns)
    return absl::StrCat("the tables name more than ", kMaxRuns, " runs");
  axes.EachSize(&grid, [&](RunSpec run) {
    for (const double horizon : horizons) {
      const auto batch = static_cast<double>(run.batch_size_tokens());
      const auto steps = static_cast<int64_t>(horizon / batch);
      if (steps < 2) {
        return grid.Fail("tokens", absl::StrCat(horizon, " is fewer than two batches of ", batch));
      }
      run.schedule = MakeSchedule(defaults, steps, run.batch_size_tokens());
      axes.EachSetting(run, [&](RunSpec one) {
        one.run_id = MakeRunId(one);
        if (ids->insert(one.run_id).second) sweep->runs.push_back(std::move(one));
      });
    }
  });
  return grid.Error();
}

}  // namespace sextant::trainer
