// SPDX-License-Identifier: Apache-2.0
// sextant-train sweep and run: train what a file, or the command line, names.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>

#include "clients/trainer/commands/commands.h"
#include "clients/trainer/sweep/run_sweep.h"
#include "clients/trainer/sweep/slurm.h"

namespace sextant::trainer {
namespace {

constexpr int kExitInterrupted = 130;

std::atomic<bool> stop_requested{false};

void RequestStop(int) {
  stop_requested.store(true);
  std::signal(SIGINT, SIG_DFL);  // a second one ends the process at once
}

int Train(const Sweep& sweep, const SweepOptions& options) {
  std::signal(SIGINT, RequestStop);
  std::signal(SIGTERM, RequestStop);
  const absl::Status status = RunSweep(sweep, options, stop_requested);
  if (status.code() == absl::StatusCode::kCancelled) {
    std::fprintf(stderr, "sextant-train: stopped; the same command goes on with the runs that are left\n");
    return kExitInterrupted;
  }
  return Report(status);
}

void AddTrainingOptions(CLI::App* command, SweepOptions* options) {
  command->add_option("-o,--out", options->out,
                      "JSONL to append to, skipping the runs it holds; - for stdout");
  command->add_option("--checkpoints", options->checkpoints,
                      "folder for the state that branches leave from; OUT.trunks if not given");
  command->add_flag("--cpu", options->cpu, "train on the fp32 CPU reference, which is slow");
  command->add_option("--max-fused-tokens", options->max_fused_tokens,
                      "tokens a step of runs trained together");
  command->add_option("--max-fused-runs", options->max_fused_runs)->check(CLI::Range(1, 1024));
  command->add_option("--concurrent-packs", options->concurrent_packs, "trained at a time on each GPU")
      ->check(CLI::Range(1, 16));
}

absl::Status ParseShard(const std::string& text, SweepOptions* options) {
  char rest = 0;
  if (std::sscanf(text.c_str(), "%d/%d%c", &options->shard, &options->shards, &rest) != 2 ||
      options->shards < 1 || options->shard < 0 || options->shard >= options->shards) {
    return absl::InvalidArgumentError("--shard " + text + ": must be I/N with 0 <= I < N");
  }
  return absl::OkStatus();
}

struct RunOptions {
  SweepOptions training;
  std::string tokens, bytes, schedule = "cosine";
  double limit_bytes = 0, validation_tokens = 0, horizon = 0, batch = 0, warmup = 0.04, decay = 0.1;
  int validation_windows = 1024, sequence_length = 0, d_model = 0, layers = 0, noise_points = 0;
  std::vector<double> rates, seeds = {1};
};

std::string List(const std::vector<double>& values) {
  std::string out;
  char number[32];
  for (const double value : values) {
    std::snprintf(number, sizeof(number), "%s%.17g", out.empty() ? "" : ", ", value);
    out += number;
  }
  return out;
}

std::string TomlText(const std::string& text) {
  std::string out = "\"";
  char escape[8];
  for (const char c : text) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(escape, sizeof(escape), "\\u%04X", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// The command line as a sweep file, so that both are checked alike.
std::string ToSweepFile(const RunOptions& o) {
  std::string text = "name = \"run\"\n[data]\n";
  if (!o.tokens.empty()) text += "tokens = " + TomlText(o.tokens) + "\n";
  if (!o.bytes.empty()) text += "bytes = " + TomlText(o.bytes) + "\n";
  if (o.limit_bytes > 0) text += "limit_bytes = " + List({o.limit_bytes}) + "\n";
  text += "validation_tokens = " + List({o.validation_tokens}) +
          "\nvalidation_windows = " + std::to_string(o.validation_windows) +
          "\n[model]\nsequence_length = " + std::to_string(o.sequence_length) +
          "\n[schedule]\nkind = " + TomlText(o.schedule) + "\nwarmup_fraction = " + List({o.warmup}) +
          "\n[curve]\nnoise_points = " + std::to_string(o.noise_points) +
          "\n[[grid]]\nsizes = [{d_model = " + std::to_string(o.d_model) +
          ", layers = " + std::to_string(o.layers) + "}]\ntokens = " + List({o.horizon}) +
          "\nbatch_size_tokens = " + List({o.batch}) + "\nweight_decays = " + List({o.decay}) +
          "\nlearning_rates = [" + List(o.rates) + "]\nseeds = [" + List(o.seeds) + "]\n";
  return text;
}

}  // namespace

void AddSweep(CLI::App* app, int* exit_code) {
  struct Options {
    SweepOptions training;
    std::string file, shard, emit;
    int jobs = 8;
  };
  auto options = std::make_shared<Options>();
  CLI::App* sweep = app->add_subcommand("sweep", "Train the runs that a sweep file names, on every GPU");
  sweep->add_option("file", options->file, "sweep file (TOML)")->required();
  AddTrainingOptions(sweep, &options->training);
  sweep->add_option("--shard", options->shard, "I/N: only every N-th pack, from the I-th");
  sweep->add_option("--emit", options->emit, "print a job script instead of training")
      ->check(CLI::IsMember({"slurm"}));
  sweep->add_option("--jobs", options->jobs, "tasks of the job script")->check(CLI::Range(1, 10000));
  sweep->callback([options, exit_code] {
    absl::StatusOr<Sweep> read = ReadSweepFile(options->file);
    absl::Status status = read.status();
    if (status.ok() && !options->shard.empty()) status = ParseShard(options->shard, &options->training);
    if (!status.ok()) {
      *exit_code = Report(status);
    } else if (!options->emit.empty()) {
      std::fputs(SlurmScript(options->file, read->name, options->jobs).c_str(), stdout);
    } else {
      *exit_code = Train(*read, options->training);
    }
  });
}

void AddRun(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run = app->add_subcommand("run", "Train one shape at one or more learning rates");
  run->add_option("--data", options->tokens, "token file");
  run->add_option("--bytes", options->bytes, "any file, a token a byte");
  run->add_option("--limit-bytes", options->limit_bytes, "only the first bytes of it");
  run->add_option("--validation-tokens", options->validation_tokens, "held out from the end")->required();
  run->add_option("--validation-windows", options->validation_windows, "windows of them that are scored");
  run->add_option("--d-model", options->d_model)->required();
  run->add_option("--layers", options->layers)->required();
  run->add_option("--sequence-length", options->sequence_length)->required();
  run->add_option("--tokens", options->horizon, "tokens to train on")->required();
  run->add_option("--batch-size-tokens", options->batch)->required();
  run->add_option("--learning-rate", options->rates, "peak; several train together")->required();
  run->add_option("--seed", options->seeds, "of the initial weights; several train together");
  run->add_option("--weight-decay", options->decay);
  run->add_option("--schedule", options->schedule, "cosine, linear or wsd");
  run->add_option("--warmup-fraction", options->warmup);
  run->add_option("--noise-points", options->noise_points,
                  "measure the gradient noise scale at so many points");
  AddTrainingOptions(run, &options->training);
  run->callback([options, exit_code] {
    absl::StatusOr<Sweep> sweep = ParseSweep(ToSweepFile(*options), "run");
    *exit_code = sweep.ok() ? Train(*sweep, options->training) : Report(sweep.status());
  });
}

}  // namespace sextant::trainer
