// One reader a log format. Each makes its runs and emits them; errors are those of reading the source or of
// the sink, everything else is a reject or a note.
#pragma once

#include "absl/status/status.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/emit.h"
#include "clients/importers/inputs.h"

namespace sextant::importers {

/// llm.c's main.log: "s:250 tel:4.6127". A `trl` of step s is the loss of update s counted from 0.
absl::Status ReadLlmcLog(ByteSource* source, Emitter& emitter);
/// What llm.c prints: the settings table, then "step  251/18865 | loss …" with steps from 1.
absl::Status ReadLlmcOutput(ByteSource* source, Emitter& emitter);
/// What nanoGPT prints: "iter 2000: loss …" (update 2000 from 0), "step 2000: train loss …, val loss …"
/// (before it).
absl::Status ReadNanoGpt(ByteSource* source, Emitter& emitter);
/// Megatron-LM's log, and Step-Law's fork of it. Losses are means over the interval.
absl::Status ReadMegatron(ByteSource* source, Emitter& emitter);
/// marin's tracker_metrics.jsonl: settings and last values of a run, without its curve.
absl::Status ReadTrackerMetrics(ByteSource* source, Emitter& emitter);
/// Hugging Face's trainer_state.json.
absl::Status ReadTrainerState(ByteSource* source, Emitter& emitter);
/// JSON lines of metrics: W&B history, Ray Tune's result.json, and any object with a step and numbers. A
/// `run` key carries several runs in one file.
absl::Status ReadHistoryJsonl(ByteSource* source, Emitter& emitter);
/// CSV with a step column and metric columns: Lightning's CSVLogger, and OLMo-ladder exports.
absl::Status ReadStepCsv(ByteSource* source, Emitter& emitter);
/// W&B's chart export: the x axis, then three columns a run.
absl::Status ReadChartCsv(ByteSource* source, Emitter& emitter);
/// Step-Law's table of runs: batch in sequences, tokens as batch x steps x sequence length.
absl::Status ReadStepLawCsv(ByteSource* source, Emitter& emitter);
/// One TensorBoard event file.
absl::Status ReadTensorBoard(ByteSource* source, Emitter& emitter);
/// The event files of one folder, in order: one run.
absl::Status ReadTensorBoardFolder(const Input& input, Emitter& emitter);
/// W&B's transaction log (.wandb).
absl::Status ReadWandbLog(ByteSource* source, Emitter& emitter);

}  // namespace sextant::importers
