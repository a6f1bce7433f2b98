// SPDX-License-Identifier: Apache-2.0
#include "server/filter.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/numbers.h"
#include "base/status_macros.h"
#include "server/error.h"
#include "server/filter_lexer.h"
#include "server/limits.h"
#include "server/names.h"
#include "server/run_fields.h"

namespace sextant::server {
namespace {

using storage::Condition;
using Op = Condition::Op;
using Kind = Condition::Kind;

// Recursive descent; the first error is kept and stops everything.
class Parser {
 public:
  Parser(const std::string& text, const std::string& request_field,
         std::span<const storage::DeclaredColumn> declared)
      : lexer_(text), request_field_(request_field), declared_(declared) {}

  absl::StatusOr<Condition> Parse() {
    Condition all = Filter(0);
    if (status_.ok() && lexer_.kind() != FilterToken::kEnd) Fail("expected AND, OR or the end");
    if (!status_.ok()) return status_;
    return all;
  }

 private:
  bool IsKeyword(const char* keyword) const {
    return lexer_.kind() == FilterToken::kWord && lexer_.text() == keyword;
  }

  void Fail(const std::string& what) { FailAt(lexer_.position(), what); }
  void FailAt(std::size_t position, const std::string& what) {
    if (!status_.ok()) return;
    const std::string message = absl::StrCat("at position ", position, ": ", what);
    absl::Status status = InvalidField(request_field_, message);
    status_ = WithReason(status, "INVALID_FILTER", {{"position", absl::StrCat(position)}});
  }

  Condition Filter(int depth) {
    if (depth > kMaxFilterDepth) {
      Fail(absl::StrCat("nested more than ", kMaxFilterDepth, " deep"));
      return {};
    }
    Condition all;
    all.kind = Kind::kAnd;
    all.children.push_back(Sequence(depth));
    while (status_.ok()) {
      if (IsKeyword("AND")) {
        lexer_.Next();
      } else if (lexer_.kind() == FilterToken::kEnd || lexer_.kind() == FilterToken::kClose) {
        break;
      }
      all.children.push_back(Sequence(depth));
    }
    return all.children.size() == 1 ? std::move(all.children[0]) : all;
  }

  Condition Sequence(int depth) {
    Condition any;
    any.kind = Kind::kOr;
    any.children.push_back(Term(depth));
    while (status_.ok() && IsKeyword("OR")) {
      lexer_.Next();
      any.children.push_back(Term(depth));
    }
    return any.children.size() == 1 ? std::move(any.children[0]) : any;
  }

  Condition Term(int depth) {
    if (!status_.ok()) return {};
    if (++terms_ > kMaxFilterTerms) {
      Fail(absl::StrCat("more than ", kMaxFilterTerms, " terms"));
      return {};
    }
    const bool negated = IsKeyword("NOT") || lexer_.kind() == FilterToken::kMinus;
    if (negated) lexer_.Next();
    Condition inner;
    if (lexer_.kind() == FilterToken::kOpen) {
      lexer_.Next();
      inner = Filter(depth + 1);
      if (status_.ok() && lexer_.kind() != FilterToken::kClose) Fail("expected ')'");
      lexer_.Next();
    } else {
      inner = Comparison();
    }
    if (!negated) return inner;
    Condition outer;
    outer.kind = Kind::kNot;
    outer.children.push_back(std::move(inner));
    return outer;
  }

  Condition Comparison() {
    if (lexer_.kind() != FilterToken::kWord || IsKeyword("AND") || IsKeyword("OR")) {
      Fail(lexer_.kind() == FilterToken::kEnd ? "the filter ends where a comparison should follow"
                                              : "expected a field name, NOT or '('");
      return {};
    }
    const std::string field = lexer_.text();
    const std::size_t field_position = lexer_.position();
    lexer_.Next();
    if (lexer_.kind() != FilterToken::kOperator) {
      Fail(absl::StrCat("expected = != < <= > >= or : after '", field, "'"));
      return {};
    }
    const std::string sign = lexer_.text();
    const std::size_t sign_position = lexer_.position();
    lexer_.Next();
    lexer_.ReadAsValue();
    if (lexer_.kind() != FilterToken::kWord && lexer_.kind() != FilterToken::kQuoted) {
      Fail(lexer_.text() == "unclosed quote" ? "a quote is not closed" : "expected a value");
      return {};
    }
    const bool any = sign == ":" && lexer_.kind() == FilterToken::kWord && lexer_.text() == "*";
    const std::string value = lexer_.text();
    const std::size_t value_position = lexer_.position();
    lexer_.Next();
    return Compare(field, field_position, OpOf(sign), sign_position, value, value_position, any);
  }

  static Op OpOf(const std::string& sign) {
    if (sign == "=") return Op::kEq;
    if (sign == "!=") return Op::kNe;
    if (sign == "<") return Op::kLt;
    if (sign == "<=") return Op::kLe;
    if (sign == ">") return Op::kGt;
    if (sign == ">=") return Op::kGe;
    return Op::kContains;
  }

  Condition Compare(const std::string& name, std::size_t name_at, Op op, std::size_t op_at,
                    const std::string& value, std::size_t value_at, bool any) {
    Condition condition;
    condition.op = op;
    condition.text = any ? "" : value;
    if (name.rfind("tags.", 0) == 0) {
      condition.kind = Kind::kHasTag;
      condition.field = name.substr(5);
      if (condition.field.empty()) FailAt(name_at, "tags. needs a key: tags.KEY");
      return condition;
    }
    if (name == "labels") {
      condition.kind = Kind::kHasLabel;
      if (op != Op::kContains && op != Op::kEq) FailAt(op_at, "labels take ':' or '='");
      // A run has a label or has it not: ':' asks for the whole label, as AIP-160 does for lists.
      condition.op = any ? Op::kContains : Op::kEq;
      return condition;
    }
    const std::optional<FilterField> field = FindRunField(name, declared_);
    if (!field) {
      FailAt(name_at, absl::StrCat("unknown field '", name, "'; there are ", RunFieldNames(declared_),
                                   ", tags.KEY and labels"));
      return condition;
    }
    condition.field = field->column;
    if (any) {
      condition.kind = Kind::kIsKnown;
      if (field->kind == FieldKind::kState) FailAt(op_at, "every run has a state");
      return condition;
    }
    switch (field->kind) {
      case FieldKind::kNumber:
      case FieldKind::kInteger:
        if (op == Op::kContains)
          FailAt(op_at, absl::StrCat(name, " is a number: use = != < <= > >= or ", name, ":*"));
        if (const std::optional<double> number = ParseNumber(value)) {
          condition.number = *number;
        } else {
          FailAt(value_at, absl::StrCat("'", value, "' is not a finite number"));
        }
        break;
      case FieldKind::kState:
        condition.text = absl::AsciiStrToLower(value);
        if (op == Op::kContains) condition.op = Op::kEq;
        if (op != Op::kEq && op != Op::kNe && op != Op::kContains) FailAt(op_at, "state takes = or !=");
        if (condition.text != "running" && condition.text != "finished" && condition.text != "diverged" &&
            condition.text != "crashed") {
          FailAt(value_at,
                 absl::StrCat("'", value, "' is not a state: RUNNING, FINISHED, DIVERGED or CRASHED"));
        }
        break;
      case FieldKind::kText:
        if (name == "name") {
          if (const auto full = ParseRunName(value)) condition.text = full->id;
        }
        break;
    }
    return condition;
  }

  FilterLexer lexer_;
  std::string request_field_;
  std::span<const storage::DeclaredColumn> declared_;
  absl::Status status_;
  int terms_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<Condition>> ParseRunFilter(const std::string& filter,
                                                      const std::string& request_field,
                                                      std::span<const storage::DeclaredColumn> declared) {
  if (filter.size() > kMaxFilterBytes) {
    return InvalidField(request_field, absl::StrCat("longer than ", kMaxFilterBytes, " bytes"));
  }
  if (absl::StripAsciiWhitespace(filter).empty()) return std::vector<Condition>{};
  ASSIGN_OR_RETURN(auto condition, Parser(filter, request_field, declared).Parse());
  return std::vector<Condition>{std::move(condition)};
}

absl::StatusOr<RunOrder> ParseRunOrder(const std::string& order_by,
                                       std::span<const storage::DeclaredColumn> declared) {
  std::string text(absl::StripAsciiWhitespace(order_by));
  if (text.empty()) return RunOrder{};
  RunOrder order;
  const std::size_t space = text.find(' ');
  if (space != std::string::npos) {
    const std::string direction(absl::StripAsciiWhitespace(text.substr(space)));
    if (direction != "asc" && direction != "desc") {
      return InvalidField("order_by",
                          absl::StrCat("'", direction, "' is not 'asc' or 'desc'; one field is allowed"));
    }
    order.descending = direction == "desc";
    text.resize(space);
  }
  const std::optional<FilterField> field = FindRunField(text, declared);
  if (!field) {
    return InvalidField("order_by",
                        absl::StrCat("unknown field '", text, "'; there are ", RunFieldNames(declared)));
  }
  order.field = field->column;
  return order;
}

}  // namespace sextant::server
