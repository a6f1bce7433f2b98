// SPDX-License-Identifier: Apache-2.0
// sextant-train plan: what a sweep would train, without training.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/status_macros.h"
#include "clients/trainer/commands/commands.h"
#include "clients/trainer/model/counts.h"
#include "clients/trainer/sweep/pack.h"

namespace sextant::trainer {
namespace {

struct PlanOptions {
  std::string file;
  int64_t max_fused_tokens = 1 << 18;
  int max_fused_runs = 64;
  double tflops = 0;
  int gpus = 1;
};

std::string BranchText(const RunSpec& run) {
  if (run.role == RunRole::kAlone) return "";
  if (run.role == RunRole::kTrunk) return "trunk";
  return std::string(run.role == RunRole::kHorizon ? "horizon" : "batch") + " from " +
         std::to_string(run.from.tokens);
}

absl::Status Plan(const PlanOptions& options) {
  ASSIGN_OR_RETURN(Sweep sweep, ReadSweepFile(options.file));
  absl::StatusOr<TokenSet> tokens = LoadTokens(sweep.data);
  if (!tokens.ok()) return tokens.status();
  RETURN_IF_ERROR(BindVocabulary(*tokens, &sweep));
  const std::vector<Pack> packs = MakePacks(sweep, options.max_fused_tokens, options.max_fused_runs,
                                            [](const FusedJob&) { return true; });
  std::printf("%-12s %12s %12s %14s %10s %8s %5s %10s %10s %10s  %s\n", "size", "non_embed", "total",
              "tokens", "batch", "steps", "runs", "flops", "6ND", "epochs", "branch");
  double flops = 0;
  double alone = 0;  // if branches were trained from scratch
  for (const Pack& pack : packs) {
    const RunSpec& run = pack.runs.front();
    const ParameterCounts counts = CountParameters(run.shape);
    const auto horizon = static_cast<double>(run.tokens());
    const auto own = static_cast<double>(run.own_tokens());
    flops += pack.flops();
    if (!pack.is_trunk()) alone += pack.flops() * horizon / own;
    std::printf(
        "d%-4d L%-5d %12lld %12lld %14lld %10lld %8lld %5zu %10.3g %10.3g %10.2f  %s\n", run.shape.d_model,
        run.shape.layers, static_cast<long long>(counts.non_embedding), static_cast<long long>(counts.total),
        static_cast<long long>(run.tokens()), static_cast<long long>(run.batch_size_tokens()),
        static_cast<long long>(run.schedule.steps), pack.runs.size(), pack.flops(),
        CountFlopsPerToken(run.shape).six_n_non_embedding * own * static_cast<double>(pack.runs.size()),
        horizon / static_cast<double>(tokens->train_tokens()), BranchText(run).c_str());
  }
  std::printf("%zu runs in %zu packs, %.4g FLOPs", sweep.run_count(), packs.size(), flops);
  if (!sweep.trunks.empty()) std::printf(" (without trunks %.4g)", alone);
  if (options.tflops > 0) {
    std::printf(", %.0f s at %g TFLOP/s on each of %d GPUs", flops / (options.tflops * 1e12 * options.gpus),
                options.tflops, options.gpus);
  }
  std::printf("\n");
  return absl::OkStatus();
}

}  // namespace

void AddPlan(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* plan = app->add_subcommand("plan", "Show what a sweep file would train, and its cost");
  plan->add_option("file", options->file, "sweep file (TOML)")->required();
  plan->add_option("--max-fused-tokens", options->max_fused_tokens);
  plan->add_option("--max-fused-runs", options->max_fused_runs)->check(CLI::Range(1, 1024));
  plan->add_option("--tflops", options->tflops,
                   "rate of one GPU as `bench` measures it, for a time estimate");
  plan->add_option("--gpus", options->gpus)->check(CLI::Range(1, 100000));
  plan->callback([options, exit_code] { *exit_code = Report(Plan(*options)); });
}

}  // namespace sextant::trainer
