// SPDX-License-Identifier: Apache-2.0
// Step Law's tables (Li et al. 2025, 2503.04715): `bs` counts sequences, `D` is nominal.
#include <utility>

#include "clients/importers/csv.h"
#include "clients/importers/emit.h"
#include "clients/importers/fields.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

constexpr double kSequenceLength = 2048;  // of the dense table, which has no seq_len column

struct Columns {
  std::size_t rate, batch, steps, loss, params, nominal_tokens, sequence, active, name;
};
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

std::size_t Find(const std::vector<std::string>& header, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (header[i] == name) return i;
    }
  }
  return kNone;
}

// What is wrong with the row, or empty.
std::string ReadRow(const CsvRow& row, const Columns& columns, const std::vector<BoundColumn>& mapped,
                    ImportedRun* run) {
  if (!row.error.empty()) return row.error;
  std::string wrong;
  const auto cell = [&](std::size_t column) {
    return column < row.fields.size() ? row.fields[column] : std::string();
  };
  const auto set = [&](const char* field, const std::string& text) {
    const std::string reason = SetField(field, text, run);
    if (!reason.empty()) absl::StrAppend(&wrong, wrong.empty() ? "" : "; ", reason);
  };
  set("learning_rate", cell(columns.rate));
  set("steps", cell(columns.steps));
  set("loss_nats", cell(columns.loss));
  set("params_non_embedding", cell(columns.params));
  if (columns.active != kNone) set("params_active", cell(columns.active));
  run->sequence_length =
      columns.sequence == kNone ? kSequenceLength : ParseDouble(cell(columns.sequence)).value_or(0);
  const auto sequences = ParseDouble(cell(columns.batch));
  if (!sequences) {
    absl::StrAppend(&wrong, wrong.empty() ? "" : "; ", "bs is not a number");
  } else {
    run->batch_size_tokens = *sequences * *run->sequence_length;
    if (run->steps) run->tokens = *run->batch_size_tokens * *run->steps;
  }
  if (columns.nominal_tokens != kNone)
    run->tags["nominal_tokens"] = Printable(cell(columns.nominal_tokens)).substr(0, 64);
  if (columns.name != kNone && !cell(columns.name).empty()) {
    set("tags.exp_name", cell(columns.name));
    // The smallest rate stands nowhere else: "…_mlr1.00e-05".
    if (const auto rate = NumberAfter(cell(columns.name), "_mlr"); rate && *rate >= 0)
      run->min_learning_rate = *rate;
  }
  for (const BoundColumn& bound : mapped) set(bound.field.c_str(), cell(bound.column));
  return wrong;
}

absl::Status ReadStepLawCsv(ByteSource* source, Emitter& emitter) {
  auto table = CsvTable::Open(source, emitter.source(), ',');
  if (!table.ok()) return table.status();
  const std::vector<std::string>& header = (*table)->header();
  const Columns columns{Find(header, {"lr"}),      Find(header, {"bs"}),
                        Find(header, {"ti"}),      Find(header, {"smooth loss", "smooth_loss"}),
                        Find(header, {"N"}),       Find(header, {"D"}),
                        Find(header, {"seq_len"}), Find(header, {"Na"}),
                        Find(header, {"exp_name"})};
  for (const std::size_t needed :
       {columns.rate, columns.batch, columns.steps, columns.loss, columns.params}) {
    if (needed == kNone) {
      return absl::InvalidArgumentError(emitter.source() +
                                        " lacks one of the columns lr, bs, ti, smooth loss, N");
    }
  }
  std::vector<BoundColumn> mapped;
  for (const FieldMapping& entry : emitter.options().map) {
    const std::size_t column = Find(header, {entry.column.c_str()});
    if (column == kNone)
      return absl::InvalidArgumentError(
          absl::StrCat(emitter.source(), " has no column ", Quoted(entry.column)));
    mapped.push_back({entry.field, column});
  }
  if (columns.active != kNone) {
    emitter.Note(
        "N is taken as params_non_embedding and Na as params_active; a study of --param-count active uses "
        "Na");
  }
  emitter.Note("tokens are bs x ti x sequence length; the nominal D is kept as the tag nominal_tokens");
  CsvRow row;
  while (true) {
    const auto read = (*table)->Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) return absl::OkStatus();
    ImportedRun run = emitter.Prototype();
    const std::string wrong = ReadRow(row, columns, mapped, &run);
    if (absl::Status emitted = emitter.Emit(std::move(run), row.line, wrong); !emitted.ok()) return emitted;
  }
}

Match Detect(const Sample& sample) {
  const bool all =
      sample.HasColumn("lr") && sample.HasColumn("bs") && sample.HasColumn("ti") && sample.HasColumn("N");
  if (!all || sample.mapped()) return {};
  return {95, "a header with lr, bs, ti and N"};
}

}  // namespace

SEXTANT_LOG_FORMAT(steplaw){
    .name = "steplaw", .about = "Step-Law's table of runs", .detect = &Detect, .read = &ReadStepLawCsv};

}  // namespace sextant::importers
