// SPDX-License-Identifier: Apache-2.0
// sextant-train bench: tokens a second of one shape on made-up tokens, and where a step's time goes.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

#include "base/status_macros.h"
#include "clients/trainer/commands/commands.h"
#include "clients/trainer/engine/backend.h"
#include "clients/trainer/model/counts.h"
#include "clients/trainer/model/random.h"

namespace sextant::trainer {
namespace {

struct BenchOptions {
  ModelShape shape{128, 4, 0, 256, 512};
  int batch_size_tokens = 16384;
  int fused_runs = 1;
  int concurrent_packs = 1;
  int steps = 200;
  bool profile = false;
};

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

// Advances all engines, a step each in turn, and returns the log of one once all are done.
absl::StatusOr<std::vector<StepLog>> Train(const std::vector<std::unique_ptr<Engine>>& engines, int steps) {
  for (int step = 0; step < steps; ++step) {
    for (const auto& engine : engines) {
      RETURN_IF_ERROR(engine->Advance(1));
    }
  }
  absl::StatusOr<std::vector<StepLog>> log;
  for (const auto& engine : engines) {
    log = engine->ReadLog();
    if (!log.ok()) break;
  }
  return log;
}

absl::Status Bench(const BenchOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  FusedJob job;
  job.shape = options.shape;
  if (job.shape.ffn_hidden == 0) job.shape.ffn_hidden = DefaultFfnHidden(job.shape.d_model);
  RETURN_IF_ERROR(Validate(job.shape));
  job.batch_sequences = options.batch_size_tokens / job.shape.sequence_length;
  constexpr int kWarmUpSteps = 20;
  job.schedule = {ScheduleKind::kCosine, options.steps + kWarmUpSteps, 10, 0, 0};
  job.validation_windows = 1;
  for (int run = 0; run < options.fused_runs; ++run) job.runs.push_back({1e-3, 0.1, 1, 1});
  TokenSet tokens;
  tokens.vocab = job.shape.vocab;
  tokens.tokens.resize(1 << 24);
  for (size_t i = 0; i < tokens.tokens.size(); ++i) {
    tokens.tokens[i] = static_cast<uint16_t>(Mix64(i) % static_cast<uint64_t>(job.shape.vocab));
  }
  tokens.validation_tokens = 1 << 20;

  if (absl::StatusOr<int> gpus = CountGpus(); !gpus.ok()) return gpus.status();
  std::vector<std::unique_ptr<Backend>> backends;
  std::vector<std::unique_ptr<Engine>> engines;
  double first_step_seconds = 0;
  for (int pack = 0; pack < options.concurrent_packs; ++pack) {
    ASSIGN_OR_RETURN(std::unique_ptr<Backend> backend, OpenGpuBackend(0, tokens));
    backends.push_back(std::move(backend));
    ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, backends.back()->NewEngine(job));
    engines.push_back(std::move(engine));
    if (pack > 0) continue;
    if (auto log = Train(engines, 1); !log.ok()) return log.status();
    first_step_seconds = Seconds(start);
  }
  if (auto log = Train(engines, kWarmUpSteps - 1); !log.ok()) return log.status();
  const auto begin = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(auto log, Train(engines, options.steps));
  const double step_seconds = Seconds(begin) / options.steps;
  const double tokens_a_step = static_cast<double>(options.concurrent_packs) * options.fused_runs *
                               job.batch_sequences * job.shape.sequence_length;
  std::printf(
      "{\"d_model\":%d,\"layers\":%d,\"sequence_length\":%d,\"vocab\":%d,\"batch_size_tokens\":%d,\"fused_"
      "runs\":%d,\"concurrent_packs\":%d,"
      "\"tokens_per_second\":%.0f,\"step_ms\":%.4f,\"tflops_per_second\":%.1f,\"first_step_seconds\":%.2f,"
      "\"last_loss\":%.4f}\n",
      job.shape.d_model, job.shape.layers, job.shape.sequence_length, job.shape.vocab,
      options.batch_size_tokens, options.fused_runs, options.concurrent_packs, tokens_a_step / step_seconds,
      step_seconds * 1e3, CountFlopsPerToken(job.shape).exact() * tokens_a_step / step_seconds / 1e12,
      first_step_seconds, log[0].train_loss.back());
  std::fflush(stdout);
  if (!options.profile) return absl::OkStatus();
  engines.clear();
  ASSIGN_OR_RETURN(auto times, backends.front()->Profile(job));
  for (const auto& [name, milliseconds] : times)
    std::fprintf(stderr, "  %-26s %8.4f ms\n", name.c_str(), milliseconds);
  return absl::OkStatus();
}

}  // namespace

void AddBench(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* bench = app->add_subcommand("bench", "Measure tokens a second of one shape on made-up tokens");
  bench->add_option("--d-model", options->shape.d_model);
  bench->add_option("--layers", options->shape.layers);
  bench->add_option("--ffn-hidden", options->shape.ffn_hidden, "default: about 8/3 of d-model");
  bench->add_option("--vocab", options->shape.vocab);
  bench->add_option("--sequence-length", options->shape.sequence_length);
  bench->add_option("--batch-size-tokens", options->batch_size_tokens, "tokens a step of one run");
  bench->add_option("--fused-runs", options->fused_runs, "runs trained together")->check(CLI::Range(1, 1024));
  bench->add_option("--concurrent-packs", options->concurrent_packs, "such packs at a time, as in a sweep")
      ->check(CLI::Range(1, 16));
  bench->add_option("--steps", options->steps)->check(CLI::Range(1, 1000000));
  bench->add_flag("--profile", options->profile, "time each kind of operation alone, to stderr");
  bench->callback([options, exit_code] { *exit_code = Report(Bench(*options)); });
}

}  // namespace sextant::trainer
