// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/columns/column_reader.h"

#include <absl/strings/str_cat.h>

#include <functional>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/status_macros.h"
#include "storage/relational/rows/condition_sql.h"
#include "storage/relational/rows/declared_rows.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

class RealReader : public ColumnReader {
 public:
  absl::Status Read(const Statement& row, int at) override {
    column->reals.push_back(row.Real(at));
    return absl::OkStatus();
  }
};

class IntegerReader : public ColumnReader {
 public:
  IntegerReader() { column->kind = RunColumn::Kind::kInteger; }
  absl::Status Read(const Statement& row, int at) override {
    column->known.push_back(row.IsNull(at) ? 0 : 1);
    column->integers.push_back(row.Int(at));
    return absl::OkStatus();
  }
};

class TextReader : public ColumnReader {
 public:
  TextReader() { column->kind = RunColumn::Kind::kText; }
  absl::Status Read(const Statement& row, int at) override {
    column->codes.push_back(CodeOf(row.Text(at)));
    return absl::OkStatus();
  }
  std::int64_t text_bytes() const override { return text_bytes_; }

 protected:
  std::uint32_t CodeOf(std::string_view text) {
    const auto found = codes_.find(text);
    if (found != codes_.end()) return found->second;
    const auto code = static_cast<std::uint32_t>(column->texts.size());
    column->texts.emplace_back(text);
    text_bytes_ += TextBytes(column->texts.back());
    codes_.emplace(text, code);
    return code;
  }

 private:
  TextMap<std::uint32_t> codes_;
  std::int64_t text_bytes_ = 0;
};

class TagReader : public TextReader {
 public:
  explicit TagReader(std::string key) : key_(std::move(key)), written_key_(JsonString(key_) + ":") {}
  absl::Status Read(const Statement& row, int at) override {
    const std::string_view tags = row.Text(at);
    if (tags.find(written_key_) == std::string_view::npos) {
      column->codes.push_back(0);
      return absl::OkStatus();
    }
    if (const auto seen = seen_.find(tags); seen != seen_.end()) {
      column->codes.push_back(seen->second);
      return absl::OkStatus();
    }
    std::map<std::string, std::string> values;
    RETURN_IF_ERROR(FromJson(tags, values));
    const auto value = values.find(key_);
    const std::uint32_t code = value == values.end() ? 0 : CodeOf(value->second);
    // Many runs of a study have the same tags; where they have not, remembering them would only take memory.
    constexpr std::size_t kMaxSeen = 4096;
    if (seen_.size() < kMaxSeen) seen_.emplace(tags, code);
    column->codes.push_back(code);
    return absl::OkStatus();
  }

 private:
  const std::string key_, written_key_;
  TextMap<std::uint32_t> seen_;
};

}  // namespace

absl::StatusOr<ColumnLoading> StartLoading(const ColumnName& name) {
  switch (name.kind) {
    case ColumnName::Kind::kTag:
      return ColumnLoading{name, "r.tags", std::make_unique<TagReader>(name.name)};
    case ColumnName::Kind::kLabels:
      return ColumnLoading{name, "r.labels", std::make_unique<TextReader>()};
    case ColumnName::Kind::kField:
      break;
  }
  ASSIGN_OR_RETURN(auto field, FindRunField(name.name));
  std::unique_ptr<ColumnReader> reader;
  switch (field.kind) {
    case FieldKind::kNumber:
      reader = std::make_unique<RealReader>();
      break;
    case FieldKind::kInteger:
    case FieldKind::kState:
      reader = std::make_unique<IntegerReader>();
      break;
    case FieldKind::kText:
      reader = std::make_unique<TextReader>();
      break;
  }
  return ColumnLoading{name, FieldSql(field), std::move(reader)};
}

}  // namespace sextant::storage::relational
