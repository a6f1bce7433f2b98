// SPDX-License-Identifier: Apache-2.0
// A table with a row per epoch: Keras' CSVLogger. Its rows are points of one run, on an axis of epochs from
// 0.
#include <algorithm>

#include "clients/importers/csv.h"
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

constexpr char kEpoch[] = "epoch";

absl::Status ReadKerasCsv(ByteSource* source, Emitter& emitter) {
  auto table = CsvTable::Open(source, emitter.source());
  if (!table.ok()) return table.status();
  const std::vector<std::string>& header = (*table)->header();
  const auto column = std::find(header.begin(), header.end(), kEpoch);
  if (column == header.end()) return absl::InvalidArgumentError(emitter.source() + " has no column epoch");
  const auto epoch_column = static_cast<std::size_t>(column - header.begin());
  LogRun log(emitter);
  log.CountEpochs();
  CsvRow row;
  while (true) {
    const auto read = (*table)->Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) break;
    const auto epoch = row.error.empty() && epoch_column < row.fields.size()
                           ? StepOf(ParseDouble(row.fields[epoch_column]))
                           : std::nullopt;
    ++emitter.report().lines;
    if (!epoch) {
      emitter.Reject(row.line, row.error.empty() ? "epoch is not a number from 0" : row.error);
      continue;
    }
    ++emitter.report().lines_understood;
    for (std::size_t i = 0; i < row.fields.size() && i < header.size(); ++i) {
      const auto value = i == epoch_column ? std::nullopt : ParseDouble(row.fields[i]);
      if (value) log.AddPoint(header[i], *epoch + 1, *value);
    }
  }
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 1);
}

Match Detect(const Sample& sample) {
  const bool loss = sample.HasColumn("loss") || sample.HasColumn("val_loss");
  const bool step = sample.HasColumn("step") || sample.HasColumn("_step") || sample.HasColumn("global_step");
  if (sample.mapped() || !sample.HasColumn(kEpoch) || !loss || step) return {};
  return {85, "a header with epoch and loss, and no step"};
}

}  // namespace

SEXTANT_LOG_FORMAT(keras_csv){.name = "keras-csv",
                              .about = "a row per epoch: Keras' CSVLogger",
                              .detect = &Detect,
                              .read = &ReadKerasCsv};

}  // namespace sextant::importers
