// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/predict_targets.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/importers/csv.h"
#include "clients/importers/text.h"
#include "sextant/v1/prediction_service.grpc.pb.h"

namespace sextant::cli {
namespace {

// What a table may call the columns of a target, best first.
const std::vector<std::string> kParamsNames = {"params", "N", "params_non_embedding", "params_total"};
const std::vector<std::string> kTokensNames = {"tokens", "D"};
const std::vector<std::string> kBatchNames = {"batch_size_tokens", "batch", "B"};
// Beyond this many rows a table is as a file would be: no widths are worth waiting for.
constexpr int kMostTableRows = 10'000;
constexpr int kMostTargets = 100'000;  // of one call, as the server has it

std::optional<std::size_t> Find(const std::vector<std::string>& header,
                                const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = std::find(header.begin(), header.end(), name);
    if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  }
  return std::nullopt;
}

int ReadTargets(const Session& session, const std::string& path, v1::PredictBatchRequest* request) {
  const std::string shown = Safe(path);
  auto opened = importers::ByteSource::Open(path);
  if (!opened.ok()) return session.FailLocal(Safe(std::string(opened.status().message())));
  const auto source = *std::move(opened);
  const auto head = source->Head();
  if (!head.ok()) return session.FailLocal(Safe(std::string(head.status().message())));
  const std::string first_line(importers::WithoutByteOrderMark(head->substr(0, head->find('\n'))));
  importers::LineReader lines(source.get(), importers::kMaxCsvLineBytes);
  importers::CsvReader reader(&lines, importers::DetectDelimiter(first_line));
  importers::CsvRow row;
  std::vector<std::string> header;
  std::optional<std::size_t> params, tokens, batch;
  const auto fail = [&](std::int64_t line, const std::string& what) {
    return session.FailLocal(shown + ":" + std::to_string(line) + ": " + Safe(what),
                             "columns: params (or N), tokens (or D), and if you like batch_size_tokens");
  };
  for (;;) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) return session.FailLocal(shown + ": " + Safe(std::string(more.status().message())));
    if (!*more) break;
    if (!row.error.empty()) return fail(row.line, row.error);
    if (header.empty()) {
      row.fields[0] = std::string(importers::WithoutByteOrderMark(row.fields[0]));
      for (const std::string& name : row.fields) header.emplace_back(importers::Trim(name));
      params = Find(header, kParamsNames);
      tokens = Find(header, kTokensNames);
      batch = Find(header, kBatchNames);
      if (!params || !tokens)
        return fail(row.line, params ? "no column of tokens" : "no column of parameters");
      continue;
    }
    const auto number = [&](std::size_t at) {
      return at < row.fields.size() ? ParseNumber(std::string(importers::Trim(row.fields[at])))
                                    : std::nullopt;
    };
    const auto n = number(*params), d = number(*tokens);
    if (!n || !d) return fail(row.line, "no number of " + header[n ? *tokens : *params]);
    if (request->params_size() == kMostTargets) {
      return fail(row.line, "more than " + std::to_string(kMostTargets) + " targets; split the file");
    }
    request->add_params(*n);
    request->add_tokens(*d);
    if (!batch) continue;
    const bool empty = *batch >= row.fields.size() || row.fields[*batch].empty();
    const auto b = empty ? std::optional(0.0) : number(*batch);
    if (!b) return fail(row.line, "no number of " + header[*batch]);
    request->add_batch_sizes_tokens(*b);
  }
  return request->params_size() > 0 ? kExitOk : fail(1, "no target below the header");
}

std::string SourceText(const v1::BatchPredictions& source) {
  std::string text;
  for (const std::string& fit : source.fits()) text += (text.empty() ? "" : " + ") + fit;
  for (const std::string& law : source.laws()) text += (text.empty() ? "" : " + ") + law;
  return text;
}

/// One piece after the other in the chosen format. The columns of a table are those of the first piece.
class TargetPrinter {
 public:
  TargetPrinter(const Session& session, const v1::PredictBatchRequest& request)
      : session_(session), request_(request), format_(session.globals().output) {}

  void Add(const v1::PredictBatchResponse& piece) {
    for (int i = 0; i < piece.count(); ++i) {
      for (const v1::BatchPredictions& source : piece.predictions()) AddRow(piece.first() + i, i, source);
    }
  }

  int End() {
    if (format_ == OutputFormat::kJson) std::fputs(rows_ > 0 ? "\n]}\n" : "{\"predictions\":[]}\n", stdout);
    if (table_) PrintTable(session_, *table_);
    return FlushStdout(session_);
  }

 private:
  bool machine() const { return format_ != OutputFormat::kTable && format_ != OutputFormat::kMarkdown; }

  static const double* At(const google::protobuf::RepeatedField<double>& column, int i) {
    return i < column.size() && std::isfinite(column[i]) ? &column[i] : nullptr;
  }

  void AddRow(int target, int i, const v1::BatchPredictions& source) {
    if (format_ == OutputFormat::kJson || format_ == OutputFormat::kJsonl) return AddJson(target, i, source);
    if (rows_++ == 0) Begin(source);
    const auto number = [&](double value) {
      return machine() ? FormatRoundTrip(value) : FormatNumber(value);
    };
    const auto text = [&](const double* value) { return value == nullptr ? std::string() : number(*value); };
    std::vector<std::string> row = {number(request_.params(target)), number(request_.tokens(target))};
    if (request_.batch_sizes_tokens_size() > 0) {
      const double batch = request_.batch_sizes_tokens(target);
      row.push_back(batch > 0 ? number(batch) : "");
    }
    row.push_back(SourceText(source));
    for (const std::string& name : columns_) {
      const auto found =
          std::find_if(source.columns().begin(), source.columns().end(),
                       [&](const v1::PredictedColumn& column) { return column.quantity() == name; });
      const bool known = found != source.columns().end();
      row.push_back(known ? text(At(found->value(), i)) : "");
      row.push_back(known ? text(At(found->low(), i)) : "");
      row.push_back(known ? text(At(found->high(), i)) : "");
    }
    row.push_back(text(At(source.extrapolation_params(), i)));
    row.push_back(text(At(source.extrapolation_tokens(), i)));
    if (machine()) {
      Write(DelimitedLine(row, delimiter()));
    } else {
      table_->Add(std::move(row));
    }
  }

  void Begin(const v1::BatchPredictions& source) {
    std::vector<std::string> header = {"params", "tokens"};
    if (request_.batch_sizes_tokens_size() > 0) header.emplace_back("batch_size_tokens");
    header.emplace_back("source");
    for (const v1::PredictedColumn& column : source.columns()) {
      columns_.push_back(column.quantity());
      for (const char* end : {"", "_low", "_high"}) header.push_back(column.quantity() + end);
    }
    header.emplace_back("extrapolation_params");
    header.emplace_back("extrapolation_tokens");
    if (machine()) return Write(DelimitedLine(header, delimiter()));
    std::vector<TextColumn> columns;
    for (const std::string& name : header) columns.push_back({name, name != "source"});
    table_ = std::make_unique<TextTable>(std::move(columns));
  }

  void AddJson(int target, int i, const v1::BatchPredictions& source) {
    std::string out = format_ == OutputFormat::kJson ? (rows_ == 0 ? "{\"predictions\":[\n" : ",\n") : "";
    ++rows_;
    out += "{\"params_asked\":" + FormatRoundTrip(request_.params(target)) +
           ",\"tokens_asked\":" + FormatRoundTrip(request_.tokens(target));
    if (request_.batch_sizes_tokens_size() > 0 && request_.batch_sizes_tokens(target) != 0) {
      out += ",\"batch_asked\":" + FormatRoundTrip(request_.batch_sizes_tokens(target));
    }
    // Names of fits and laws are labels: nothing in them needs escaping.
    const auto list = [&](const char* name, const google::protobuf::RepeatedPtrField<std::string>& values) {
      out += std::string(",\"") + name + "\":[";
      for (int k = 0; k < values.size(); ++k) out += (k > 0 ? ",\"" : "\"") + Safe(values[k]) + "\"";
      out += "]";
    };
    list("fits", source.fits());
    list("laws", source.laws());
    for (const v1::PredictedColumn& column : source.columns()) {
      const double* value = At(column.value(), i);
      if (value == nullptr) continue;
      out += ",\"" + Safe(column.quantity()) + "\":{\"value\":" + FormatRoundTrip(*value);
      const std::pair<const char*, const double*> bounds[] = {
          {"low", At(column.low(), i)},
          {"high", At(column.high(), i)},
          {"near_optimal_low", At(column.near_optimal_low(), i)},
          {"near_optimal_high", At(column.near_optimal_high(), i)}};
      for (const auto& [name, bound] : bounds) {
        if (bound != nullptr) out += std::string(",\"") + name + "\":" + FormatRoundTrip(*bound);
      }
      out += "}";
    }
    const double *params = At(source.extrapolation_params(), i),
                 *tokens = At(source.extrapolation_tokens(), i);
    if (params != nullptr && tokens != nullptr) {
      out += ",\"extrapolation\":{\"params\":" + FormatRoundTrip(*params) +
             ",\"tokens\":" + FormatRoundTrip(*tokens) + "}";
    }
    out += format_ == OutputFormat::kJson ? "}" : "}\n";
    Write(out);
  }

  char delimiter() const { return format_ == OutputFormat::kTsv ? '\t' : ','; }
  static void Write(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

  const Session& session_;
  const v1::PredictBatchRequest& request_;
  const OutputFormat format_;
  std::vector<std::string> columns_;
  std::unique_ptr<TextTable> table_;
  std::int64_t rows_ = 0;
};

}  // namespace

int RunTargets(Session& session, const std::string& path, v1::PredictBatchRequest request) {
  if (request.studies_size() + request.fits_size() + request.laws_size() == 0) {
    return session.FailUsage("--targets needs to know who predicts", "add --study, --fit or --law");
  }
  if (const int code = ReadTargets(session, path, &request); code != kExitOk) return code;
  const OutputFormat format = session.globals().output;
  if ((format == OutputFormat::kTable || format == OutputFormat::kMarkdown) &&
      request.params_size() > kMostTableRows) {
    return session.FailUsage(std::to_string(request.params_size()) + " targets make no table",
                             "add -o csv, jsonl or json");
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  const auto stub = v1::PredictionService::NewStub(session.channel());
  grpc::ClientContext context;
  session.Prepare(&context, 0);
  const InterruptScope scope([&] { context.TryCancel(); });
  const auto stream = stub->PredictBatch(&context, request);
  TargetPrinter printer(session, request);
  std::map<std::pair<std::string, std::string>, int> said;
  v1::PredictBatchResponse piece;
  while (stream->Read(&piece)) {
    printer.Add(piece);
    for (const auto* messages : {&piece.warnings(), &piece.unanswered()}) {
      for (const v1::CountedMessage& message : *messages) {
        said[{message.source(), message.text()}] += message.targets();
      }
    }
  }
  const grpc::Status status = stream->Finish();
  for (const auto& [key, targets] : said) {
    session.Note(Safe(key.first) + (key.first.empty() ? "" : ": ") + Safe(key.second) + " (" +
                 std::to_string(targets) + (targets == 1 ? " target)" : " targets)"));
  }
  if (!status.ok()) return session.FailServer(status);
  return printer.End();
}

}  // namespace sextant::cli
