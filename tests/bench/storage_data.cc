// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/storage_data.h"

#include <array>
#include <cmath>
#include <random>

namespace sextant::storage {
namespace {

// Normal deviates by a table: the generator must not outweigh what is measured.
float Noise(std::mt19937_64& random) {
  static const auto table = [] {
    std::mt19937_64 source(20190610);
    std::normal_distribution<float> normal(0.0F, 0.01F);
    std::array<float, 65536> values;
    for (float& value : values) value = normal(source);
    return values;
  }();
  // The sum of two, scaled back, has far more distinct values than the table.
  const std::uint64_t bits = random();
  return (table[bits & 0xFFFF] + table[(bits >> 16) & 0xFFFF]) * 0.70710678F;
}

}  // namespace

std::vector<DeclaredColumn> BenchVariables(int count) {
  std::vector<DeclaredColumn> declared(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    declared[static_cast<std::size_t>(i)].name = "variable_" + std::to_string(i);
  return declared;
}

std::vector<double> BenchValues(int count, std::int64_t index) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(0.1 * (i + 1) + static_cast<double>(index % 1000));
  return values;
}

RunWithCurve ShallueRun(const std::string& study_id, std::int64_t index, std::int64_t runs,
                        std::int64_t points) {
  std::mt19937_64 random(static_cast<std::uint64_t>(index));
  RunWithCurve made;
  Run& run = made.run;
  run.study_id = study_id;
  run.id = "trial-" + std::to_string(1'000'000 + index);
  run.params_total = 1e6 * static_cast<double>(1 + index % 23);
  run.params_non_embedding = run.params_total * 0.9;
  run.batch_size_tokens = static_cast<double>(std::int64_t{1} << (8 + index % 13));
  run.learning_rate = std::exp2(-14.0 + static_cast<double>(random() % 4096) / 409.6);
  run.sequence_length = 256;
  run.optimizer = index % 3 == 0 ? "sgd" : index % 3 == 1 ? "momentum" : "nesterov";
  run.schedule = "linear";
  run.state = random() % 25 == 0 ? fitting::RunState::kDiverged : fitting::RunState::kFinished;
  run.tags = {{"dataset", index % 2 == 0 ? "lm1b" : "common-crawl"},
              {"model", "transformer-" + std::to_string(index % 7)},
              {"workload", std::to_string(index % 35)}};
  run.source = "bench";
  run.create_time = run.update_time = 1'700'000'000'000'000 + index;

  // Whole lengths that add up to `points` exactly.
  const std::int64_t begin = points * index / runs, end = points * (index + 1) / runs;
  const auto length = static_cast<std::size_t>(end - begin);
  Curve& curve = made.curve;
  curve.step.resize(length);
  curve.tokens.resize(length);
  curve.train_loss.resize(length);
  const std::int64_t stride = 10 * (1 + index % 10);
  for (std::size_t i = 0; i < length; ++i) {
    curve.step[i] = stride * static_cast<std::int64_t>(i + 1);
    curve.tokens[i] = static_cast<double>(curve.step[i]) * run.batch_size_tokens;
    curve.train_loss[i] = 2.5F + 4.0F / std::sqrt(static_cast<float>(i + 1)) + Noise(random);
  }
  run.loss = curve.train_loss.back();
  run.steps = static_cast<double>(curve.step.back());
  run.tokens = curve.tokens.back();
  return made;
}

}  // namespace sextant::storage
