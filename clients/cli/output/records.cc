// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/output/records.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/edit_distance.h"
#include "clients/cli/output/json.h"
#include "clients/importers/text.h"

namespace sextant::cli {
namespace {

bool IsJson(OutputFormat format) { return format == OutputFormat::kJson || format == OutputFormat::kJsonl; }

void Put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

char DelimiterOf(OutputFormat format) { return format == OutputFormat::kTsv ? '\t' : ','; }

}  // namespace

bool WantsJson(const Session& session) {
  const OutputFormat format = session.globals().output;
  return format == OutputFormat::kJson || format == OutputFormat::kJsonl;
}

int PrintJson(const Session& session, const google::protobuf::Message& message) {
  const bool indent = session.globals().output == OutputFormat::kJson;
  const std::string text = ToJson(message, indent, session.globals().fields) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  return FlushStdout(session);
}

void PrintTable(const Session& session, const TextTable& table) {
  const std::string text = session.globals().output == OutputFormat::kMarkdown
                               ? table.RenderMarkdown()
                               : table.Render(session.color_stdout(), session.table_width());
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int FlushStdout(const Session& session) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return kExitOk;
  return session.FailLocal(std::string("cannot write the output: ") + std::strerror(errno));
}

RecordPrinter::RecordPrinter(const Session& session, std::vector<RecordColumn> columns,
                             const google::protobuf::Descriptor* type, bool single)
    : session_(session), columns_(std::move(columns)), type_(type), single_(single) {}

int RecordPrinter::Begin() {
  const Globals& globals = session_.globals();
  std::vector<std::string> known;
  if (IsJson(globals.output)) {
    for (int i = 0; i < type_->field_count(); ++i) known.push_back(type_->field(i)->name());
    for (const RecordColumn& column : columns_) {
      if (!column.member.empty()) known.push_back(column.name);
    }
  } else {
    for (const RecordColumn& column : columns_) known.push_back(column.name);
  }
  for (const std::string& field : globals.fields) {
    if (std::find(known.begin(), known.end(), field) != known.end()) continue;
    std::string list;
    for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
    const std::string nearest = Nearest(field, known);
    return session_.FailUsage("there is no field '" + Safe(field) + "'" +
                                  (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"),
                              "fields: " + list);
  }
  std::vector<RecordColumn> chosen;
  for (const std::string& field : globals.fields) {
    for (const RecordColumn& column : columns_) {
      if (column.name == field) chosen.push_back(column);
    }
  }
  const bool text = globals.output == OutputFormat::kTable || globals.output == OutputFormat::kMarkdown;
  if (globals.fields.empty()) {
    for (const RecordColumn& column : columns_) {
      const bool wanted = !text || column.in_list || (single_ && column.in_record);
      if (wanted && !column.only_by_name) chosen.push_back(column);
    }
  }
  columns_ = std::move(chosen);
  if (text) {
    std::vector<TextColumn> titles;
    for (const RecordColumn& column : columns_) titles.push_back({column.title, column.right});
    table_ = std::make_unique<TextTable>(std::move(titles));
  }
  return kExitOk;
}

// With the first record or at the end: what is refused prints nothing.
void RecordPrinter::PutHead() {
  const OutputFormat format = session_.globals().output;
  if (has_head_) return;
  has_head_ = true;
  if (format == OutputFormat::kJson && !single_) Put("[");
  if (format != OutputFormat::kCsv && format != OutputFormat::kTsv) return;
  std::vector<std::string> names;
  for (const RecordColumn& column : columns_) names.push_back(column.name);
  Put(DelimitedLine(names, DelimiterOf(format)));
}

void RecordPrinter::Add(const google::protobuf::Message& message) {
  const Globals& globals = session_.globals();
  ++count_;
  PutHead();
  if (globals.output == OutputFormat::kJson) {
    if (!single_) Put(count_ > 1 ? ",\n" : "\n");
    Put(ToJson(message, true, globals.fields));
    return;
  }
  if (globals.output == OutputFormat::kJsonl) {
    Put(ToJson(message, false, globals.fields) + "\n");
    return;
  }
  std::vector<std::string> cells;
  const bool machine = table_ == nullptr;
  for (const RecordColumn& column : columns_) {
    cells.push_back(machine ? column.machine(message) : SafeLines(column.human(message)));
  }
  if (machine) {
    Put(DelimitedLine(cells, DelimiterOf(globals.output)));
  } else if (single_ && globals.output == OutputFormat::kTable) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t i = 0; i < columns_.size(); ++i) pairs.emplace_back(columns_[i].title, cells[i]);
    Put(RenderPairs(pairs, session_.color_stdout()));
  } else {
    table_->Add(std::move(cells));
  }
}

int RecordPrinter::End() {
  PutHead();
  const OutputFormat format = session_.globals().output;
  if (format == OutputFormat::kJson) {
    Put(single_ ? "\n" : count_ > 0 ? "\n]\n" : "]\n");
  } else if (format == OutputFormat::kMarkdown) {
    Put(table_->RenderMarkdown());
  } else if (format == OutputFormat::kTable && !single_) {
    if (count_ == 0) {
      session_.Note("nothing there");
    } else {
      Put(table_->Render(session_.color_stdout(), session_.table_width()));
    }
  }
  return FlushStdout(session_);
}

int PrintRecord(const Session& session, const std::vector<RecordColumn>& columns,
                const google::protobuf::Message& message) {
  RecordPrinter printer(session, columns, message.GetDescriptor(), true);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  printer.Add(message);
  return printer.End();
}

}  // namespace sextant::cli
