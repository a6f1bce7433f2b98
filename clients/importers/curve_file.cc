// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/curve_file.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/identity.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);
constexpr std::size_t kMaxBadRowsKept = 10'000;

std::size_t ColumnNamed(const CsvRow& header, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto at = std::find(header.fields.begin(), header.fields.end(), name);
    if (at != header.fields.end()) return static_cast<std::size_t>(at - header.fields.begin());
  }
  return kNoColumn;
}

// Blank is missing, as in any sparse table; NaN if the cell is no number.
bool ReadCell(const CsvRow& row, std::size_t column, double* value) {
  if (column == kNoColumn || column >= row.fields.size() || row.fields[column].empty()) return true;
  const auto parsed = ParseDouble(row.fields[column]);
  if (parsed) *value = *parsed;
  return parsed.has_value();
}

// Steps that go back all over are rows in another order, not restarts: more than three, and one in twenty.
bool IsUnsorted(const std::vector<CurvePoint>& points) {
  std::size_t back = 0;
  for (std::size_t i = 1; i < points.size(); ++i) back += points[i].step < points[i - 1].step ? 1 : 0;
  return back > 3 && back * 20 > points.size();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CurveFile>> CurveFile::Open(const std::string& path) {
  auto source = ByteSource::Open(path);
  if (!source.ok()) return source.status();
  auto file = std::unique_ptr<CurveFile>(new CurveFile());
  file->source_ = *std::move(source);
  const auto head = file->source_->Head();
  if (!head.ok()) return head.status();
  file->lines_ = std::make_unique<LineReader>(file->source_.get(), kMaxCsvLineBytes);
  file->csv_ =
      std::make_unique<CsvReader>(file->lines_.get(), DetectDelimiter(head->substr(0, head->find('\n'))));
  CsvRow header;
  const auto read = file->csv_->Next(&header);
  if (!read.ok()) return read.status();
  if (!*read) return absl::InvalidArgumentError(absl::StrCat(file->source_->name(), " is empty"));
  if (absl::Status bound = file->BindHeader(header); !bound.ok()) return bound;
  if (absl::Status indexed = file->BuildIndex(); !indexed.ok()) return indexed;
  return file;
}

absl::Status CurveFile::BindHeader(const CsvRow& header) {
  columns_.run_id = ColumnNamed(header, {"run_id", "run"});
  columns_.step = ColumnNamed(header, {"step", "steps", "iteration"});
  columns_.tokens = ColumnNamed(header, {"tokens"});
  columns_.train_loss = ColumnNamed(header, {"train_loss", "train_loss_nats", "loss"});
  columns_.validation_loss =
      ColumnNamed(header, {"validation_loss", "validation_loss_nats", "val_loss", "val_loss_nats"});
  columns_.learning_rate = ColumnNamed(header, {"learning_rate", "lr"});
  columns_.gradient_noise_scale = ColumnNamed(header, {"gradient_noise_scale"});
  std::string missing;
  if (columns_.run_id == kNoColumn) missing = "run_id";
  if (columns_.step == kNoColumn) absl::StrAppend(&missing, missing.empty() ? "" : ", ", "step");
  if (columns_.train_loss == kNoColumn && columns_.validation_loss == kNoColumn &&
      columns_.gradient_noise_scale == kNoColumn) {
    absl::StrAppend(&missing, missing.empty() ? "" : ", ", "train_loss or validation_loss");
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(source_->name(), " has no column ", missing,
                                                 ": a curves file needs run_id, step and a loss"));
}

absl::Status CurveFile::BuildIndex() {
  CsvRow row;
  RunRows* current = nullptr;
  std::string current_id;
  std::size_t segments = 0;
  while (true) {
    const auto read = csv_->Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) break;
    const bool has_id =
        row.error.empty() && columns_.run_id < row.fields.size() && !row.fields[columns_.run_id].empty();
    if (!has_id) {
      // The segment ends here, so that reading it back does not meet this row.
      current = nullptr;
      if (bad_rows_.size() < kMaxBadRowsKept) {
        bad_rows_.push_back({source_->name(), row.line, row.error.empty() ? "run_id is missing" : row.error});
      }
      continue;
    }
    const std::string& id = row.fields[columns_.run_id];
    if (current == nullptr || id != current_id) {
      if (++segments > kMaxCurveSegments) {
        return absl::ResourceExhaustedError(
            absl::StrCat(source_->name(), ": the rows of its runs are too mixed; sort the file by run_id"));
      }
      ImportedRun named;
      SetRunId(id, &named);
      current_id = id;
      current = &runs_[named.run_id];
      current->segments.push_back({row.offset, row.line, 0});
    }
    ++current->segments.back().rows;
  }
  return absl::OkStatus();
}

std::string CurveFile::ReadPoint(const CsvRow& row, CurvePoint* point) const {
  double step = std::nan(""), train = std::nan(""), validation = std::nan(""), rate = std::nan(""),
         noise = std::nan("");
  if (!ReadCell(row, columns_.step, &step) || !(step >= 0 && step <= 9e15) || step != std::floor(step)) {
    return "step is not a whole number from 0";
  }
  point->step = static_cast<std::int64_t>(step);
  if (!ReadCell(row, columns_.tokens, &point->tokens)) return "tokens is not a number";
  if (!ReadCell(row, columns_.train_loss, &train)) return "the training loss is not a number";
  if (!ReadCell(row, columns_.validation_loss, &validation)) return "the validation loss is not a number";
  if (!ReadCell(row, columns_.learning_rate, &rate)) return "learning_rate is not a number";
  if (!ReadCell(row, columns_.gradient_noise_scale, &noise)) return "gradient_noise_scale is not a number";
  point->train_loss = static_cast<float>(train);
  point->validation_loss = static_cast<float>(validation);
  point->learning_rate = static_cast<float>(rate);
  point->gradient_noise_scale = static_cast<float>(noise);
  return {};
}

absl::Status CurveFile::Attach(ImportedRun* run, bool named, RunSink& sink) {
  const auto found = runs_.find(run->run_id);
  if (found == runs_.end()) {
    if (without_curve_.empty()) {
      without_curve_ = run->run_id;
      without_curve_named_ = named;
    }
    return absl::OkStatus();
  }
  found->second.claimed = true;
  std::vector<CurvePoint> points;
  CsvRow row;
  for (const Segment& segment : found->second.segments) {
    if (absl::Status sought = csv_->Seek(segment.offset, segment.line); !sought.ok()) return sought;
    for (std::int64_t i = 0; i < segment.rows; ++i) {
      const auto read = csv_->Next(&row);
      if (!read.ok()) return read.status();
      if (!*read) break;
      CurvePoint point;
      const std::string wrong = row.error.empty() ? ReadPoint(row, &point) : row.error;
      if (!wrong.empty()) {
        sink.AddReject({source_->name(), row.line, wrong});
      } else if (points.size() < kMaxCurvePoints) {
        points.push_back(point);
      } else {
        sink.AddReject(
            {source_->name(), row.line,
             absl::StrCat("a curve holds at most ", kMaxCurvePoints, " points; the rest was dropped")});
        break;
      }
    }
  }
  if (IsUnsorted(points)) {
    std::stable_sort(points.begin(), points.end(),
                     [](const CurvePoint& a, const CurvePoint& b) { return a.step < b.step; });
    sink.AddNote(source_->name(),
                 absl::StrCat("run ", run->run_id, ": steps in no order; taken in the order of the steps"));
  }
  CurveBuilder builder;
  for (const CurvePoint& point : points) builder.Add(point);
  if (builder.superseded() > 0) {
    sink.AddNote(source_->name(), absl::StrCat("run ", run->run_id, ": steps go back; ", builder.superseded(),
                                               " points were replaced by later ones"));
    run->labels.push_back("restarted");
  }
  if (builder.size() > 0) run->curve = builder.Build(run->batch_size_tokens.value_or(std::nan("")));
  return absl::OkStatus();
}

void CurveFile::RejectUnclaimed(bool mapped, RunSink& sink) const {
  for (const Reject& bad : bad_rows_) sink.AddReject(bad);
  std::string hint;
  if (!without_curve_.empty()) {
    absl::StrAppend(&hint, "; a run without a curve is called ", Quoted(without_curve_));
    if (!without_curve_named_ && mapped) {
      hint += " by its values, as no column is mapped to its id: --map run_id=COLUMN";
    } else if (!without_curve_named_) {
      hint += " by its values: call the column with its id run_id";
    }
  }
  std::vector<Reject> unclaimed;
  for (const auto& [id, rows] : runs_) {
    if (rows.claimed) continue;
    unclaimed.push_back(
        {source_->name(), rows.segments.front().line,
         absl::StrCat("the curve of ", Quoted(id), " belongs to no run that was read", hint)});
  }
  std::sort(unclaimed.begin(), unclaimed.end(),
            [](const Reject& a, const Reject& b) { return a.line < b.line; });
  for (const Reject& reject : unclaimed) sink.AddReject(reject);
}

}  // namespace sextant::importers
