#include "storage/sqlite/run_columns.h"

#include <absl/strings/str_cat.h>

#include <unordered_map>

#include "storage/sqlite/condition_sql.h"
#include "storage/sqlite/json_text.h"

namespace sextant::storage::sqlite {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

std::string ChangesName(std::int64_t study_key) { return absl::StrCat("run_changes/", study_key); }

std::int64_t TextBytes(const std::string& text) {
  return static_cast<std::int64_t>(sizeof(std::string) + (text.size() > 15 ? text.size() + 1 : 0));
}

// A column on its way into memory.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual absl::Status Read(const Statement& row, int at) = 0;
  virtual std::int64_t text_bytes() const { return 0; }
  std::shared_ptr<RunColumn> column = std::make_shared<RunColumn>();
};

class RealReader : public Reader {
 public:
  absl::Status Read(const Statement& row, int at) override {
    column->reals.push_back(row.Real(at));
    return absl::OkStatus();
  }
};

class IntegerReader : public Reader {
 public:
  IntegerReader() { column->kind = RunColumn::Kind::kInteger; }
  absl::Status Read(const Statement& row, int at) override {
    column->known.push_back(row.IsNull(at) ? 0 : 1);
    column->integers.push_back(row.Int(at));
    return absl::OkStatus();
  }
};

class TextReader : public Reader {
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
    if (absl::Status status = FromJson(tags, values); !status.ok()) return status;
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

struct Loading {
  ColumnName name;
  std::string sql;
  std::unique_ptr<Reader> reader;
};

absl::StatusOr<Loading> MakeLoading(const ColumnName& name) {
  switch (name.kind) {
    case ColumnName::Kind::kTag:
      return Loading{name, "r.tags", std::make_unique<TagReader>(name.name)};
    case ColumnName::Kind::kLabels:
      return Loading{name, "r.labels", std::make_unique<TextReader>()};
    case ColumnName::Kind::kField:
      break;
  }
  auto field = FindRunField(name.name);
  if (!field.ok()) return field.status();
  std::unique_ptr<Reader> reader;
  switch (field->kind) {
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
  return Loading{name, absl::StrCat("r.", field->name), std::move(reader)};
}

void AddColumnsOf(const Condition& condition, std::set<ColumnName>& names) {
  for (const Condition& child : condition.children) AddColumnsOf(child, names);
  switch (condition.kind) {
    case Condition::Kind::kCompare:
    case Condition::Kind::kIsKnown:
      if (condition.field != "id") names.insert({ColumnName::Kind::kField, condition.field});
      break;
    case Condition::Kind::kHasTag:
      names.insert({ColumnName::Kind::kTag, condition.field});
      break;
    case Condition::Kind::kHasLabel:
      names.insert({ColumnName::Kind::kLabels, ""});
      break;
    case Condition::Kind::kAnd:
    case Condition::Kind::kOr:
    case Condition::Kind::kNot:
      break;
  }
}

}  // namespace

std::int64_t RunColumn::bytes() const {
  std::size_t size = reals.size() * sizeof(double) + integers.size() * sizeof(std::int64_t) + known.size() +
                     codes.size() * sizeof(std::uint32_t);
  for (const std::string& text : texts) size += static_cast<std::size_t>(TextBytes(text));
  return static_cast<std::int64_t>(size);
}

std::set<ColumnName> ColumnsOf(const std::vector<Condition>& where, const std::string& order_by) {
  std::set<ColumnName> names;
  for (const Condition& condition : where) AddColumnsOf(condition, names);
  if (!order_by.empty() && order_by != "id") names.insert({ColumnName::Kind::kField, order_by});
  return names;
}

const RunColumn* StudyColumns::Find(const ColumnName& name) const {
  const auto found = columns_.find(name);
  return found == columns_.end() ? nullptr : found->second.get();
}

bool StudyColumns::Has(const std::set<ColumnName>& names) const {
  for (const ColumnName& name : names) {
    if (!columns_.contains(name)) return false;
  }
  return true;
}

std::int64_t StudyColumns::bytes() const {
  auto total = static_cast<std::int64_t>(ids_->text.size() + ids_->ends.size() * sizeof(std::size_t));
  for (const auto& [name, column] : columns_) total += column->bytes();
  return total;
}

std::shared_ptr<const StudyColumns> RunColumns::Current(std::int64_t study_key, std::int64_t version) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(study_key);
  if (found == kept_.end() || found->second.version != version) return nullptr;
  return found->second.columns;
}

void RunColumns::Keep(std::int64_t study_key, Kept kept) {
  const std::lock_guard lock(mutex_);
  std::int64_t others = 0;
  for (const auto& [key, other] : kept_) {
    if (key != study_key) others += other.columns->bytes();
  }
  // Other studies' columns are read again when they are asked for.
  if (others + kept.columns->bytes() > limit_bytes_) kept_.clear();
  kept_[study_key] = std::move(kept);
}

absl::StatusOr<std::shared_ptr<const StudyColumns>> RunColumns::Find(Connection& connection,
                                                                     std::int64_t study_key,
                                                                     const std::set<ColumnName>& names) {
  auto version = RunChanges(connection, study_key);
  if (!version.ok()) return version.status();
  auto current = Current(study_key, *version);
  return current != nullptr && current->Has(names) ? current : nullptr;
}

absl::StatusOr<std::shared_ptr<const StudyColumns>> RunColumns::Load(Connection& connection,
                                                                     const StudyKey& study,
                                                                     const std::set<ColumnName>& names) {
  auto version = RunChanges(connection, study.key);
  if (!version.ok()) return version.status();
  const auto before = Current(study.key, *version);
  if (before != nullptr && before->Has(names)) return before;
  const std::int64_t a_row = static_cast<std::int64_t>(9 * names.size() + sizeof(std::size_t));
  const std::int64_t needed = study.run_count * a_row;
  if (needed > limit_bytes_) return nullptr;
  auto next = std::make_shared<StudyColumns>();
  // What is there already stays as long as it fits.
  if (before != nullptr && before->bytes() + needed <= limit_bytes_) *next = *before;
  std::vector<Loading> loading;
  for (const ColumnName& name : names) {
    if (next->columns_.contains(name)) continue;
    auto one = MakeLoading(name);
    if (!one.ok()) return one.status();
    loading.push_back(*std::move(one));
  }
  auto ids = next->ids_ == nullptr ? std::make_shared<StudyColumns::Ids>() : nullptr;
  if (ids != nullptr) ids->ends.reserve(static_cast<std::size_t>(study.run_count));

  std::string sql = "SELECT ";
  for (const Loading& one : loading) absl::StrAppend(&sql, one.sql, ", ");
  absl::StrAppend(&sql, ids != nullptr ? "r.id" : "0", " FROM runs r WHERE r.study_key = ? ORDER BY r.id");
  auto statement = connection.PrepareOnce(sql);
  if (!statement.ok()) return statement.status();
  statement->Next(study.key);
  const std::int64_t room_for_text = limit_bytes_ - needed - (ids != nullptr ? 0 : next->bytes());
  for (;;) {
    auto row = statement->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    std::int64_t text_bytes = 0;
    int at = 0;
    for (const Loading& one : loading) {
      if (absl::Status status = one.reader->Read(*statement, at++); !status.ok()) return status;
      text_bytes += one.reader->text_bytes();
    }
    if (ids != nullptr) {
      ids->text += statement->Text(at);
      ids->ends.push_back(ids->text.size());
      text_bytes += static_cast<std::int64_t>(ids->text.size());
    }
    if (text_bytes > room_for_text) return nullptr;
  }
  if (ids != nullptr) next->ids_ = std::move(ids);
  for (Loading& one : loading) next->columns_[one.name] = std::move(one.reader->column);
  Keep(study.key, {*version, next});
  return next;
}

absl::StatusOr<bool> RunColumns::ScannedBefore(Connection& connection, std::int64_t study_key) {
  auto version = RunChanges(connection, study_key);
  if (!version.ok()) return version.status();
  const std::lock_guard lock(mutex_);
  const auto found = scanned_.find(study_key);
  return found != scanned_.end() && found->second == *version;
}

absl::Status RunColumns::NoteScan(Connection& connection, std::int64_t study_key) {
  auto version = RunChanges(connection, study_key);
  if (!version.ok()) return version.status();
  const std::lock_guard lock(mutex_);
  scanned_[study_key] = *version;
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> RunChanges(Connection& connection, std::int64_t study_key) {
  auto statement = connection.Prepare("SELECT value FROM counters WHERE name = ?");
  if (!statement.ok()) return statement.status();
  const std::string name = ChangesName(study_key);
  auto row = statement->NextTextView(name).Step();
  if (!row.ok()) return row.status();
  return *row ? statement->Int(0) : 0;
}

absl::Status CountRunChange(Connection& connection, std::int64_t study_key) {
  auto statement = connection.Prepare(
      "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1");
  if (!statement.ok()) return statement.status();
  const std::string name = ChangesName(study_key);
  return statement->NextTextView(name).Run();
}

}  // namespace sextant::storage::sqlite
