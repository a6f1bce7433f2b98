// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/reference_filter.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "storage/run_fields.h"

namespace sextant::storage {
namespace {

const std::map<std::string, double> kStates = {
    {"unspecified", 0}, {"running", 1}, {"finished", 2}, {"diverged", 3}, {"crashed", 4}};

template <typename T>
bool Compare(const T& a, Condition::Op op, const T& b) {
  switch (op) {
    case Condition::Op::kEq:
      return a == b;
    case Condition::Op::kNe:
      return a != b;
    case Condition::Op::kLt:
      return a < b;
    case Condition::Op::kLe:
      return a <= b;
    case Condition::Op::kGt:
      return a > b;
    case Condition::Op::kGe:
      return a >= b;
    case Condition::Op::kContains:
      break;
  }
  return false;
}

bool CompareText(const std::string& a, Condition::Op op, const std::string& b) {
  if (op == Condition::Op::kContains) return a.find(b) != std::string::npos;
  return Compare(a, op, b);
}

absl::Status Check(const Condition& condition, int depth, int& nodes) {
  if (depth > 50 || ++nodes > 1000) return absl::InvalidArgumentError("too large");
  for (const Condition& child : condition.children) {
    if (absl::Status status = Check(child, depth + 1, nodes); !status.ok()) return status;
  }
  if (condition.kind == Condition::Kind::kNot && condition.children.size() != 1) {
    return absl::InvalidArgumentError("NOT takes one");
  }
  if (condition.kind != Condition::Kind::kCompare && condition.kind != Condition::Kind::kIsKnown) {
    return absl::OkStatus();
  }
  Run sample;
  const auto value = ValueOf(sample, condition.field);
  if (!value.ok() || condition.kind == Condition::Kind::kIsKnown) return value.status();
  if (condition.field == "state") {
    const bool equality = condition.op == Condition::Op::kEq || condition.op == Condition::Op::kNe;
    return equality && kStates.contains(condition.text) ? absl::OkStatus()
                                                        : absl::InvalidArgumentError("state");
  }
  if (!value->is_text && condition.op == Condition::Op::kContains)
    return absl::InvalidArgumentError("contains");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FieldValue> ValueOf(const Run& run, const std::string& field) {
  FieldValue value;
  const auto number = [&](double is) {
    value.known = !std::isnan(is);
    value.number = is;
    return value;
  };
  const auto text = [&](const std::string& is) {
    value.known = value.is_text = true;
    value.text = is;
    return value;
  };
  for (const RunQuantity& quantity : kRunQuantities) {
    if (field == quantity.column) return number(run.*quantity.value);
  }
  if (const int place = DeclaredPlace(field); place >= 0) {
    const auto at = static_cast<std::size_t>(place);
    return number(at < run.values.size() ? run.values[at] : kUnknown);
  }
  if (field == "id") return text(run.id);
  if (field == "schedule") return text(run.schedule);
  if (field == "optimizer") return text(run.optimizer);
  if (field == "source") return text(run.source);
  if (field == "state") return number(static_cast<double>(run.state));
  if (field == "create_time") return number(static_cast<double>(run.create_time));
  if (field == "update_time") return number(static_cast<double>(run.update_time));
  if (field == "curve_points") return number(static_cast<double>(run.curve_points));
  if (field == "seed") return number(run.seed.has_value() ? static_cast<double>(*run.seed) : kUnknown);
  return absl::InvalidArgumentError("no field " + field);
}

absl::Status CheckCondition(const Condition& condition) {
  int nodes = 0;
  return Check(condition, 1, nodes);
}

bool Holds(const Condition& condition, const Run& run) {
  const auto holds = [&](const Condition& child) { return Holds(child, run); };
  switch (condition.kind) {
    case Condition::Kind::kAnd:
      return std::all_of(condition.children.begin(), condition.children.end(), holds);
    case Condition::Kind::kOr:
      return std::any_of(condition.children.begin(), condition.children.end(), holds);
    case Condition::Kind::kNot:
      return !holds(condition.children[0]);
    case Condition::Kind::kHasTag: {
      const auto tag = run.tags.find(condition.field);
      return tag != run.tags.end() && CompareText(tag->second, condition.op, condition.text);
    }
    case Condition::Kind::kHasLabel:
      return std::any_of(run.labels.begin(), run.labels.end(), [&](const std::string& label) {
        return CompareText(label, condition.op, condition.text);
      });
    case Condition::Kind::kCompare:
    case Condition::Kind::kIsKnown:
      break;
  }
  const FieldValue value = *ValueOf(run, condition.field);
  if (condition.kind == Condition::Kind::kIsKnown) return value.is_text ? !value.text.empty() : value.known;
  if (condition.field == "state") return Compare(value.number, condition.op, kStates.at(condition.text));
  if (value.is_text) return CompareText(value.text, condition.op, condition.text);
  return value.known && !std::isnan(condition.number) &&
         Compare(value.number, condition.op, condition.number);
}

}  // namespace sextant::storage
