// SPDX-License-Identifier: Apache-2.0
// Prints resources in the chosen format: lists and single ones.
#pragma once

#include <google/protobuf/message.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "clients/cli/output/text_table.h"
#include "clients/cli/session.h"

namespace sextant::cli {

/// A column of a resource type. `human` fills tables, `machine` CSV and TSV; `name` is the field's name in
/// the API.
struct RecordColumn {
  std::string name;
  std::string title;    ///< of tables
  bool right = false;   ///< numbers
  bool in_list = true;  ///< shown in lists unless --fields says otherwise; `show` and CSV have every column
  std::function<std::string(const google::protobuf::Message&)> human, machine;
  std::string member = {};    ///< of the message whose member `name` it is; empty: the message itself
  bool in_record = true;      ///< shown by `show` as text; CSV has it anyway
  bool only_by_name = false;  ///< shown where --fields asks for it, and nowhere else
};

/// A column over messages of type M, from two functions of M.
template <class M, class Human, class Machine>
RecordColumn MakeColumn(std::string name, std::string title, bool right, bool in_list, Human human,
                        Machine machine) {
  return {
      std::move(name),
      std::move(title),
      right,
      in_list,
      [human](const google::protobuf::Message& m) -> std::string { return human(static_cast<const M&>(m)); },
      [machine](const google::protobuf::Message& m) -> std::string {
        return machine(static_cast<const M&>(m));
      }};
}

/// Streams records to stdout: JSON, JSONL, CSV and TSV as they come, tables at the end. Not thread-safe.
class RecordPrinter {
 public:
  /// `single`: one record of a `show`, an object in JSON and lines of name and value in a table.
  RecordPrinter(const Session& session, std::vector<RecordColumn> columns,
                const google::protobuf::Descriptor* type, bool single);
  /// kExitUsage if --fields names a column or member that is not there.
  int Begin();
  void Add(const google::protobuf::Message& message);
  /// Ends the output. kExitLocal if stdout could not take it all.
  int End();

 private:
  void PutHead();

  const Session& session_;
  std::vector<RecordColumn> columns_;
  const google::protobuf::Descriptor* type_;
  bool single_;
  std::unique_ptr<TextTable> table_;
  std::int64_t count_ = 0;
  bool has_head_ = false;
};

/// One record.
int PrintRecord(const Session& session, const std::vector<RecordColumn>& columns,
                const google::protobuf::Message& message);

/// True for -o json and -o jsonl.
bool WantsJson(const Session& session);
/// One answer that is no list, as JSON: indented for json, one line for jsonl, with --fields.
int PrintJson(const Session& session, const google::protobuf::Message& message);
/// A table as the output format wants it: markdown, or aligned text.
void PrintTable(const Session& session, const TextTable& table);

/// Flushes stdout. kExitLocal, with the reason printed, if it could not take what was written.
int FlushStdout(const Session& session);

}  // namespace sextant::cli
