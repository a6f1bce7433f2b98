// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/spec.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/status_macros.h"

namespace sextant::trainer {

absl::StatusOr<TokenSet> LoadTokens(const DataSpec& data) {
  absl::StatusOr<TokenSet> tokens = data.tokens_path.empty() ? ReadBytes(data.bytes_path, data.limit_bytes)
                                                             : ReadTokenFile(data.tokens_path);
  if (!tokens.ok()) return tokens.status();
  RETURN_IF_ERROR(HoldOut(data.validation_tokens, &*tokens));
  return tokens;
}

namespace {

absl::Status BindRun(const TokenSet& tokens, const DataSpec& data, RunSpec* run) {
  run->shape.vocab = (tokens.vocab + 7) / 8 * 8;
  FusedJob job;
  job.shape = run->shape;
  job.batch_sequences = run->batch_sequences;
  job.schedule = run->schedule;
  job.validation_windows = data.validation_windows;
  job.runs = {run->settings};
  if (absl::Status status = Validate(job, tokens); !status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat("run ", run->run_id, ": ", std::string(status.message())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BindVocabulary(const TokenSet& tokens, Sweep* sweep) {
  for (RunSpec& run : sweep->runs) RETURN_IF_ERROR(BindRun(tokens, sweep->data, &run));
  for (Trunk& trunk : sweep->trunks) {
    RETURN_IF_ERROR(BindRun(tokens, sweep->data, &trunk.run));
    for (RunSpec& run : trunk.branches) RETURN_IF_ERROR(BindRun(tokens, sweep->data, &run));
  }
  return absl::OkStatus();
}

size_t Sweep::run_count() const {
  size_t count = runs.size();
  for (const Trunk& trunk : trunks) count += 1 + trunk.branches.size();
  return count;
}

std::string MakeRunId(const RunSpec& run) {
  std::string id = absl::StrFormat("d%d-L%d-B%d-D%d-lr%g", run.shape.d_model, run.shape.layers,
                                   run.batch_size_tokens(), run.tokens(), run.settings.learning_rate);
  if (run.shape.ffn_hidden != DefaultFfnHidden(run.shape.d_model))
    absl::StrAppend(&id, "-f", run.shape.ffn_hidden);
  if (run.settings.weight_decay != 0.1)
    absl::StrAppend(&id, absl::StrFormat("-wd%g", run.settings.weight_decay));
  if (run.settings.seed != 1) absl::StrAppend(&id, "-s", run.settings.seed);
  if (run.settings.data_seed != 1) absl::StrAppend(&id, "-ds", run.settings.data_seed);
  if (run.role == RunRole::kTrunk) absl::StrAppend(&id, "-trunk");
  if (run.role == RunRole::kHorizon) absl::StrAppend(&id, "-horizon-from-", run.from.step);
  if (run.role == RunRole::kBatch) absl::StrAppend(&id, "-batch-from-", run.from.step);
  return id;
}

}  // namespace sextant::trainer
