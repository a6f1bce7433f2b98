// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/expression/graph.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "fitting/law/expression/limits.h"

namespace sextant::fitting::expression {
namespace {

// What log-sum-exp subtracts stays finite so that terms of exactly 0 or of infinite size give -inf or inf,
// not NaN.
constexpr double kLargestShift = 1e300;
// Literal integer exponents up to here become products.
constexpr int kLargestProduct = 16;

}  // namespace

double Apply(Op op, double a, double b, double c) {
  switch (op) {
    case Op::kAdd:
      return a + b;
    case Op::kSubtract:
      return a - b;
    case Op::kMultiply:
      return a * b;
    case Op::kDivide:
      return a / b;
    case Op::kNegate:
      return -a;
    case Op::kExp:
      return std::exp(a);
    case Op::kLog:
      return std::log(a);
    case Op::kSqrt:
      return std::sqrt(a);
    case Op::kMin:
      return a < b ? a : b;
    case Op::kMax:
      return a > b ? a : b;
    case Op::kShift:
      return std::clamp(a > b ? a : b, -kLargestShift, kLargestShift);
    case Op::kLessEqual:
      return a <= b ? 1 : 0;
    case Op::kSelect:
      return a != 0 ? b : c;
    case Op::kConstant:
    case Op::kVariable:
    case Op::kParameter:
      break;
  }
  return a;
}

std::size_t Graph::Hash::operator()(const Node& node) const {
  std::uint64_t hash = static_cast<std::uint64_t>(node.op);
  for (std::uint64_t part : {std::uint64_t{node.a}, std::uint64_t{node.b}, std::uint64_t{node.c},
                             std::bit_cast<std::uint64_t>(node.constant)}) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  return hash;
}

bool Graph::Equal::operator()(const Node& x, const Node& y) const {
  // Constants compare by bits: 0 and -0 differ, and NaN equals itself.
  return x.op == y.op && x.a == y.a && x.b == y.b && x.c == y.c &&
         std::bit_cast<std::uint64_t>(x.constant) == std::bit_cast<std::uint64_t>(y.constant);
}

Graph::Graph(std::vector<bool> parameter_nonnegative)
    : parameter_nonnegative_(std::move(parameter_nonnegative)) {
  Constant(0);  // node 0, also what a graph that outgrew its bound answers with
}

NodeId Graph::Intern(Op op, NodeId a, NodeId b, NodeId c, double constant) {
  Node node{.op = op, .a = a, .b = b, .c = c, .constant = constant};
  if (auto found = index_.find(node); found != index_.end()) return found->second;
  if (nodes_.size() >= kMaxGraphNodes) {
    overflowed_ = true;
    return 0;
  }
  auto inherit = [&](NodeId operand) {
    node.on_variables |= nodes_[operand].on_variables;
    node.on_parameters |= nodes_[operand].on_parameters;
  };
  auto nonnegative = [&](NodeId operand) { return nodes_[operand].nonnegative; };
  switch (op) {
    case Op::kConstant:
      node.nonnegative = constant >= 0;
      break;
    case Op::kVariable:
      node.on_variables = true;
      node.nonnegative = true;
      break;
    case Op::kParameter:
      node.on_parameters = true;
      node.nonnegative = a < parameter_nonnegative_.size() && parameter_nonnegative_[a];
      break;
    case Op::kNegate:
    case Op::kLog:
      inherit(a);
      break;
    case Op::kExp:
    case Op::kSqrt:
      inherit(a);
      node.nonnegative = true;
      break;
    case Op::kAdd:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kMin:
      inherit(a), inherit(b);
      node.nonnegative = nonnegative(a) && nonnegative(b);
      break;
    case Op::kMax:
      inherit(a), inherit(b);
      node.nonnegative = nonnegative(a) || nonnegative(b);
      break;
    case Op::kSubtract:
    case Op::kShift:
      inherit(a), inherit(b);
      break;
    case Op::kLessEqual:
      inherit(a), inherit(b);
      node.nonnegative = true;
      break;
    case Op::kSelect:
      inherit(a), inherit(b), inherit(c);
      node.nonnegative = nonnegative(b) && nonnegative(c);
      break;
  }
  const NodeId id = static_cast<NodeId>(nodes_.size());
  nodes_.push_back(node);
  index_.emplace(node, id);
  return id;
}

bool Graph::IsConstant(NodeId id, double value) const {
  return at(id).op == Op::kConstant && at(id).constant == value;
}

NodeId Graph::Constant(double value) { return Intern(Op::kConstant, 0, 0, 0, value); }
NodeId Graph::Variable(std::uint32_t index) { return Intern(Op::kVariable, index); }
NodeId Graph::Parameter(std::uint32_t index) { return Intern(Op::kParameter, index); }

NodeId Graph::Add(NodeId a, NodeId b) {
  if (Folds(a) && Folds(b)) return Constant(at(a).constant + at(b).constant);
  if (IsConstant(a, 0)) return b;
  if (IsConstant(b, 0)) return a;
  if (at(b).op == Op::kNegate) return Subtract(a, at(b).a);
  if (at(a).op == Op::kNegate) return Subtract(b, at(a).a);
  if (a > b) std::swap(a, b);
  return Intern(Op::kAdd, a, b);
}

NodeId Graph::Subtract(NodeId a, NodeId b) {
  if (Folds(a) && Folds(b)) return Constant(at(a).constant - at(b).constant);
  if (IsConstant(b, 0)) return a;
  if (IsConstant(a, 0)) return Negate(b);
  if (at(b).op == Op::kNegate) return Add(a, at(b).a);
  // a - s x -> a + (-s) x, which is one multiply-add.
  if (at(b).column() && at(b).op == Op::kMultiply && Scalar(at(b).b)) return Add(a, Negate(b));
  return Intern(Op::kSubtract, a, b);
}

NodeId Graph::Divide(NodeId a, NodeId b) {
  if (Folds(a) && Folds(b)) return Constant(at(a).constant / at(b).constant);
  if (IsConstant(a, 0)) return a;
  if (IsConstant(b, 1)) return a;
  if (at(b).op == Op::kNegate) return Negate(Divide(a, at(b).a));
  if (at(b).op == Op::kExp) return Multiply(a, Exp(Negate(at(b).a)));
  if (at(b).op == Op::kDivide) return Multiply(a, Divide(at(b).b, at(b).a));
  if (IsConstant(a, 1)) return Intern(Op::kDivide, a, b);
  // x / y -> x * (1/y): derivatives share the reciprocal, and one of parameters or data alone is taken once.
  if (at(a).column() || at(b).column() || Scalar(a) != Scalar(b)) return Multiply(a, Divide(Constant(1), b));
  return Intern(Op::kDivide, a, b);
}

NodeId Graph::Negate(NodeId a) {
  const Node node = at(a);
  if (node.op == Op::kConstant) return Constant(-node.constant);
  if (node.op == Op::kNegate) return node.a;
  if (node.op == Op::kSubtract) return Subtract(node.b, node.a);
  return Multiply(Constant(-1), a);
}

NodeId Graph::Exp(NodeId a) {
  if (Folds(a)) return Constant(std::exp(at(a).constant));
  if (at(a).op == Op::kLog && at(at(a).a).nonnegative) return at(a).a;
  return Intern(Op::kExp, a);
}

NodeId Graph::Log(NodeId a) {
  const Node node = at(a);
  if (node.op == Op::kConstant) return Constant(std::log(node.constant));
  if (node.op == Op::kExp) return node.a;
  if (!node.column()) return Intern(Op::kLog, a);
  // log(a b) -> log a + log b where that leaves at most one logarithm to be taken at every point.
  auto free = [&](NodeId id) { return Cheap(id) || at(id).op == Op::kExp; };
  if ((node.op == Op::kMultiply || node.op == Op::kDivide) && at(node.a).nonnegative &&
      at(node.b).nonnegative && (free(node.a) || free(node.b))) {
    return node.op == Op::kMultiply ? Add(Log(node.a), Log(node.b)) : Subtract(Log(node.a), Log(node.b));
  }
  if (node.op == Op::kSqrt) return Multiply(Constant(0.5), Log(node.a));
  return Intern(Op::kLog, a);
}

NodeId Graph::Sqrt(NodeId a) {
  if (Folds(a)) return Constant(std::sqrt(at(a).constant));
  return Intern(Op::kSqrt, a);
}

NodeId Graph::Power(NodeId a, NodeId b) {
  if (Folds(a) && Folds(b)) return Constant(std::pow(at(a).constant, at(b).constant));
  if (Folds(b)) {
    const double exponent = at(b).constant;
    if (exponent == 0.5) return Sqrt(a);
    if (exponent == -0.5) return Divide(Constant(1), Sqrt(a));
    if (exponent == std::nearbyint(exponent) && std::fabs(exponent) <= kLargestProduct) {
      NodeId result = Constant(1), square = a;
      for (int left = std::abs(static_cast<int>(exponent)); left > 0; left /= 2) {
        if (left % 2 == 1) result = Multiply(result, square);
        if (left > 1) square = Multiply(square, square);
      }
      return exponent < 0 ? Divide(Constant(1), result) : result;
    }
  }
  return Exp(Multiply(b, Log(a)));
}

NodeId Graph::Min(NodeId a, NodeId b) {
  if (a == b) return a;
  if (Folds(a) && Folds(b)) return Constant(Apply(Op::kMin, at(a).constant, at(b).constant, 0));
  return Intern(Op::kMin, a, b);
}

NodeId Graph::Max(NodeId a, NodeId b) {
  if (a == b) return a;
  if (Folds(a) && Folds(b)) return Constant(Apply(Op::kMax, at(a).constant, at(b).constant, 0));
  return Intern(Op::kMax, a, b);
}

NodeId Graph::Shift(NodeId a, NodeId b) {
  if (Folds(a) && Folds(b)) return Constant(Apply(Op::kShift, at(a).constant, at(b).constant, 0));
  return Intern(Op::kShift, a, b);
}

NodeId Graph::LessEqual(NodeId a, NodeId b) {
  if (Folds(a) && Folds(b)) return Constant(Apply(Op::kLessEqual, at(a).constant, at(b).constant, 0));
  return Intern(Op::kLessEqual, a, b);
}

NodeId Graph::Select(NodeId condition, NodeId yes, NodeId no) {
  if (yes == no) return yes;
  if (Folds(condition)) return at(condition).constant != 0 ? yes : no;
  return Intern(Op::kSelect, condition, yes, no);
}

NodeId Graph::LogSumExp(const std::vector<NodeId>& terms) {
  if (terms.size() == 1) return terms.front();
  NodeId shift = terms.front();
  for (std::size_t i = 1; i < terms.size(); ++i) shift = Shift(shift, terms[i]);
  NodeId sum = Constant(0);
  for (NodeId term : terms) sum = Add(sum, Exp(Subtract(term, shift)));
  return Add(shift, Log(sum));
}

std::vector<NodeId> Graph::Reachable(const std::vector<NodeId>& roots) const {
  std::vector<bool> needed(nodes_.size(), false);
  for (NodeId root : roots) needed[root] = true;
  for (std::size_t id = nodes_.size(); id-- > 0;) {
    if (!needed[id]) continue;
    const Node& node = nodes_[id];
    switch (node.op) {
      case Op::kConstant:
      case Op::kVariable:
      case Op::kParameter:
        break;
      case Op::kSelect:
        needed[node.c] = true;
        [[fallthrough]];
      case Op::kAdd:
      case Op::kSubtract:
      case Op::kMultiply:
      case Op::kDivide:
      case Op::kMin:
      case Op::kMax:
      case Op::kShift:
      case Op::kLessEqual:
        needed[node.b] = true;
        [[fallthrough]];
      case Op::kNegate:
      case Op::kExp:
      case Op::kLog:
      case Op::kSqrt:
        needed[node.a] = true;
        break;
    }
  }
  std::vector<NodeId> order;
  for (std::size_t id = 0; id < nodes_.size(); ++id) {
    if (needed[id]) order.push_back(static_cast<NodeId>(id));
  }
  return order;
}

}  // namespace sextant::fitting::expression
