// SPDX-License-Identifier: Apache-2.0
// autoresearch's results.tsv: an experiment a row, named by its commit, with its loss in bits per byte.
#include <algorithm>

#include "clients/importers/csv.h"
#include "clients/importers/emit.h"
#include "clients/importers/fields.h"
#include "clients/importers/format.h"
#include "clients/importers/limits.h"
#include "clients/importers/sample.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

std::string Cell(const std::vector<std::string>& header, const CsvRow& row, const char* name) {
  const auto column = std::find(header.begin(), header.end(), name);
  const auto index = static_cast<std::size_t>(column - header.begin());
  return index < row.fields.size() ? row.fields[index] : std::string();
}

// What is wrong with the row, or empty.
std::string ReadRow(const std::vector<std::string>& header, const CsvRow& row, ImportedRun* run) {
  if (!row.error.empty()) return row.error;
  std::string wrong = SetField("run_id", Cell(header, row, "commit"), run);
  const std::string status = Cell(header, row, "status"), text = Cell(header, row, "description");
  if (!status.empty()) run->tags["status"] = Printable(status).substr(0, kMaxTextBytes);
  if (!text.empty()) run->tags["description"] = Printable(text).substr(0, kMaxTextBytes);
  const auto bits = ParseDouble(Cell(header, row, "val_bpb"));
  if (status == "crash") {
    run->state = ImportedState::kCrashed;  // its loss stands there as zero
  } else if (!bits) {
    wrong += std::string(wrong.empty() ? "" : "; ") + "val_bpb is not a number";
  } else {
    run->loss = bits;
  }
  return wrong;
}

absl::Status ReadAutoresearch(ByteSource* source, Emitter& emitter) {
  if (!emitter.options().bits_per_byte) {
    return absl::InvalidArgumentError(emitter.source() +
                                      " has losses in bits per byte, and the study counts nats: a study of "
                                      "`--loss-unit bits-per-byte` takes them");
  }
  auto table = CsvTable::Open(source, emitter.source(), '\t');
  if (!table.ok()) return table.status();
  CsvRow row;
  while (true) {
    const auto read = (*table)->Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) return absl::OkStatus();
    ImportedRun run = emitter.Prototype();
    const std::string wrong = ReadRow((*table)->header(), row, &run);
    if (absl::Status emitted = emitter.Emit(std::move(run), row.line, wrong); !emitted.ok()) return emitted;
  }
}

Match Detect(const Sample& sample) {
  const bool all = sample.HasColumn("commit") && sample.HasColumn("val_bpb") && sample.HasColumn("status");
  if (!all || sample.mapped()) return {};
  return {95, "a header with commit, val_bpb and status"};
}

}  // namespace

SEXTANT_LOG_FORMAT(autoresearch){.name = "autoresearch",
                                 .about = "autoresearch's results.tsv",
                                 .detect = &Detect,
                                 .read = &ReadAutoresearch};

}  // namespace sextant::importers
