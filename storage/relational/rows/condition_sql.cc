// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/condition_sql.h"

#include <absl/strings/str_cat.h>

#include <array>
#include <cmath>

#include "base/status_macros.h"
#include "storage/relational/rows/declared_rows.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

constexpr int kMaxNodes = 1000;
constexpr int kMaxDepth = 50;

struct StateName {
  const char* name;
  fitting::RunState state;
};
constexpr std::array kStates = {
    StateName{"unspecified", fitting::RunState::kUnspecified},
    StateName{"running", fitting::RunState::kRunning},
    StateName{"finished", fitting::RunState::kFinished},
    StateName{"diverged", fitting::RunState::kDiverged},
    StateName{"crashed", fitting::RunState::kCrashed},
};

absl::StatusOr<const char*> Operator(Condition::Op op) {
  switch (op) {
    case Condition::Op::kEq:
      return " = ";
    case Condition::Op::kNe:
      return " <> ";
    case Condition::Op::kLt:
      return " < ";
    case Condition::Op::kLe:
      return " <= ";
    case Condition::Op::kGt:
      return " > ";
    case Condition::Op::kGe:
      return " >= ";
    case Condition::Op::kContains:
      break;
  }
  return absl::InvalidArgumentError("':' (contains) is for text fields and tags only");
}

// `subject` is a column or one of the fixed expressions below.
absl::Status AddTextComparison(const std::string& subject, Condition::Op op, const std::string& text,
                               SqlText& out) {
  if (op == Condition::Op::kContains) {
    out.Add(absl::StrCat("instr(", subject, ", "));
    out.AddValue(text);
    out.Add(") > 0");
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(auto sign, Operator(op));
  out.Add(absl::StrCat(subject, sign));
  out.AddValue(text);
  return absl::OkStatus();
}

// An integer beside a number: as integers, since a database may turn both into doubles, which not every
// integer is. What is between two integers is beside the next of them.
absl::Status AddIntegerComparison(const std::string& column, Condition::Op op, double number, SqlText& out) {
  ASSIGN_OR_RETURN(auto sign, Operator(op));
  constexpr double kEnd = 0x1p63;  // the first above all
  if (std::isnan(number)) {
    out.Add(absl::StrCat(column, sign, "NULL"));
    return absl::OkStatus();
  }
  const bool below = op == Condition::Op::kLt || op == Condition::Op::kLe;
  const bool whole = number == std::floor(number);
  const double beside = std::floor(number);
  if (beside < -kEnd || number >= kEnd ||
      (!whole && (op == Condition::Op::kEq || op == Condition::Op::kNe))) {
    const bool holds = op == Condition::Op::kNe || (op != Condition::Op::kEq && below == (number > 0));
    out.Add(absl::StrCat(column, holds ? " IS NOT NULL" : " <> ", holds ? "" : column));
    return absl::OkStatus();
  }
  // x < 2.5 and x <= 2.5 are x <= 2; x > 2.5 and x >= 2.5 are x > 2.
  out.Add(absl::StrCat(column, whole ? sign : below ? " <= " : " > "));
  out.AddValue(static_cast<std::int64_t>(beside));
  return absl::OkStatus();
}

absl::Status AddState(const Condition& condition, SqlText& out) {
  const auto state = FindState(condition.text);
  if (!state.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown state '", condition.text, "': use running, finished, diverged or crashed"));
  }
  if (condition.op != Condition::Op::kEq && condition.op != Condition::Op::kNe) {
    return absl::InvalidArgumentError("a state is compared with = or != only");
  }
  // A literal from a table, not a parameter: only so does a planner see that runs_running serves.
  out.Add(
      absl::StrCat("r.state ", condition.op == Condition::Op::kEq ? "= " : "<> ", static_cast<int>(*state)));
  return absl::OkStatus();
}

absl::Status AddComparison(const Condition& condition, SqlText& out) {
  ASSIGN_OR_RETURN(auto field, FindRunField(condition.field));
  if (field.kind == FieldKind::kState) return AddState(condition, out);
  const std::string column = FieldSql(field);
  if (field.kind == FieldKind::kText) return AddTextComparison(column, condition.op, condition.text, out);
  if (field.kind == FieldKind::kInteger) {
    return AddIntegerComparison(column, condition.op, condition.number, out);
  }
  ASSIGN_OR_RETURN(auto sign, Operator(condition.op));
  out.Add(absl::StrCat(column, sign));
  out.AddValue(condition.number);
  return absl::OkStatus();
}

// The look into the JSON is exact; the search for its text before it is cheap and passes few other runs.
absl::Status AddTag(const Condition& condition, SqlText& out) {
  const bool equal = condition.op == Condition::Op::kEq;
  out.Add("(instr(r.tags, ");
  out.AddValue(equal ? JsonMember(condition.field, condition.text) : JsonString(condition.field));
  out.Add(") > 0 AND EXISTS (SELECT 1 FROM json_each(r.tags) t WHERE t.key = ");
  out.AddValue(condition.field);
  out.Add(" AND ");
  absl::Status status =
      AddTextComparison(absl::StrCat("t.value", out.bytewise), condition.op, condition.text, out);
  out.Add("))");
  return status;
}

absl::Status AddLabel(const Condition& condition, SqlText& out) {
  out.Add("(r.labels <> '{}'");
  if (condition.op == Condition::Op::kEq) {
    out.Add(" AND instr(r.labels, ");
    out.AddValue(JsonString(condition.text));
    out.Add(") > 0");
  }
  out.Add(" AND EXISTS (SELECT 1 FROM json_each(r.labels) l WHERE ");
  absl::Status status =
      AddTextComparison(absl::StrCat("l.key", out.bytewise), condition.op, condition.text, out);
  out.Add("))");
  return status;
}

absl::Status Add(const Condition& condition, bool negated, int depth, int& nodes, SqlText& out);

absl::Status AddList(const Condition& condition, bool negated, int depth, int& nodes, SqlText& out) {
  const bool all = condition.kind == Condition::Kind::kAnd;
  out.Add("(");
  if (condition.children.empty()) out.Add(all ? "TRUE" : "FALSE");
  for (std::size_t i = 0; i < condition.children.size(); ++i) {
    if (i > 0) out.Add(all ? " AND " : " OR ");
    RETURN_IF_ERROR(Add(condition.children[i], negated, depth + 1, nodes, out));
  }
  out.Add(")");
  return absl::OkStatus();
}

absl::Status Add(const Condition& condition, bool negated, int depth, int& nodes, SqlText& out) {
  if (depth > kMaxDepth || ++nodes > kMaxNodes) {
    return absl::InvalidArgumentError(absl::StrCat("the filter is too large: at most ", kMaxNodes,
                                                   " comparisons, nested at most ", kMaxDepth, " deep"));
  }
  switch (condition.kind) {
    case Condition::Kind::kAnd:
    case Condition::Kind::kOr:
      return AddList(condition, negated, depth, nodes, out);
    case Condition::Kind::kNot: {
      if (condition.children.size() != 1) return absl::InvalidArgumentError("NOT takes one condition");
      out.Add("NOT (");
      absl::Status status = Add(condition.children[0], true, depth + 1, nodes, out);
      out.Add(")");
      return status;
    }
    case Condition::Kind::kCompare: {
      // A comparison with an unknown value is false, so its negation is true: SQL's NULL must not leak out.
      if (negated) out.Add("coalesce(");
      absl::Status status = AddComparison(condition, out);
      if (negated) out.Add(", FALSE)");
      return status;
    }
    case Condition::Kind::kIsKnown: {
      ASSIGN_OR_RETURN(auto field, FindRunField(condition.field));
      out.Add(absl::StrCat(FieldSql(field), field.kind == FieldKind::kText ? " <> ''" : " IS NOT NULL"));
      return absl::OkStatus();
    }
    case Condition::Kind::kHasTag:
      return AddTag(condition, out);
    case Condition::Kind::kHasLabel:
      return AddLabel(condition, out);
  }
  return absl::InternalError("unknown kind of condition");
}

}  // namespace

absl::StatusOr<RunField> FindRunField(const std::string& column) {
  for (const RunField& field : kRunFields) {
    if (column == field.column) return field;
  }
  if (const int place = DeclaredPlace(column); place >= 0) return DeclaredRunField(place);
  std::string known;
  for (const RunField& field : kRunFields) absl::StrAppend(&known, known.empty() ? "" : ", ", field.column);
  return absl::InvalidArgumentError(absl::StrCat("unknown run field '", column, "': there are ", known));
}

std::optional<fitting::RunState> FindState(const std::string& name) {
  for (const StateName& state : kStates) {
    if (name == state.name) return state.state;
  }
  return std::nullopt;
}

absl::Status AddConditions(const std::vector<Condition>& where, SqlText& out) {
  int nodes = 0;
  for (const Condition& condition : where) {
    out.Add(" AND (");
    RETURN_IF_ERROR(Add(condition, false, 1, nodes, out));
    out.Add(")");
  }
  return absl::OkStatus();
}

absl::StatusOr<Statement> PrepareText(Connection& connection, const SqlText& text) {
  auto statement = connection.PrepareOnce(text.sql);
  if (!statement.ok()) return statement.status();
  for (const auto& value : text.values) {
    std::visit([&](const auto& v) { statement->Next(v); }, value);
  }
  return statement;
}

}  // namespace sextant::storage::relational
