// SPDX-License-Identifier: Apache-2.0
// The hash-consed expression graph behind a law: equal subexpressions are one node, constants are folded,
// and nodes are simplified as they are made so that symbolic derivatives stay small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace sextant::fitting::expression {

enum class Op : std::uint8_t {
  kConstant,
  kVariable,
  kParameter,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kNegate,
  kExp,
  kLog,
  kSqrt,
  kMin,
  kMax,
  kShift,      ///< max(a, b) kept finite, constant to derivatives: what log-sum-exp subtracts
  kLessEqual,  ///< 1 where a <= b, else 0
  kSelect,     ///< b where a is not 0, else c
};

using NodeId = std::uint32_t;

struct Node {
  Op op = Op::kConstant;
  NodeId a = 0, b = 0, c = 0;  ///< operands; `a` is the index of a variable or parameter
  double constant = 0;
  bool on_variables = false;   ///< depends on a variable
  bool on_parameters = false;  ///< depends on a parameter
  bool nonnegative = false;    ///< known to be >= 0 (variables are positive quantities)

  bool column() const {
    return on_variables && on_parameters;
  }  ///< must be computed at every point, every time
};

/// Applies an operation to numbers. Unused operands are ignored.
double Apply(Op op, double a, double b, double c);

/// Nodes are numbered so that operands come before what uses them. Not synchronised while it grows.
///
/// Simplification assumes that variables are positive and that parameters whose lower bound is not negative
/// stay so (log(a b) becomes log a + log b only then). Products with a literal 0 vanish even where the other
/// factor may be infinite.
class Graph {
 public:
  /// `parameter_nonnegative[p]`: parameter p is never negative.
  explicit Graph(std::vector<bool> parameter_nonnegative);

  NodeId Constant(double value);
  NodeId Variable(std::uint32_t index);
  NodeId Parameter(std::uint32_t index);
  NodeId Add(NodeId a, NodeId b);
  NodeId Subtract(NodeId a, NodeId b);
  NodeId Multiply(NodeId a, NodeId b);
  NodeId Divide(NodeId a, NodeId b);
  NodeId Negate(NodeId a);
  NodeId Exp(NodeId a);
  NodeId Log(NodeId a);
  NodeId Sqrt(NodeId a);
  /// a^b: products for small literal integers, sqrt for halves, exp(b log a) otherwise.
  NodeId Power(NodeId a, NodeId b);
  NodeId Min(NodeId a, NodeId b);
  NodeId Max(NodeId a, NodeId b);
  NodeId Shift(NodeId a, NodeId b);
  NodeId LessEqual(NodeId a, NodeId b);
  NodeId Select(NodeId condition, NodeId yes, NodeId no);
  NodeId LogSumExp(const std::vector<NodeId>& terms);

  const Node& at(NodeId id) const { return nodes_[id]; }
  std::size_t size() const { return nodes_.size(); }
  bool IsConstant(NodeId id, double value) const;
  /// True once the graph outgrew kMaxGraphNodes; nodes made since are meaningless and the law must be
  /// refused.
  bool overflowed() const { return overflowed_; }

  /// Nodes that `roots` need, operands first.
  std::vector<NodeId> Reachable(const std::vector<NodeId>& roots) const;

  /// While a law is parsed, exp(a) exp(b) becomes exp(a + b). Derivatives keep products: their exponentials
  /// exist.
  void StopMergingExponentials() { merging_exponentials_ = false; }

 private:
  struct Factors;
  struct Hash {
    std::size_t operator()(const Node& node) const;
  };
  struct Equal {
    bool operator()(const Node& x, const Node& y) const;
  };

  NodeId Intern(Op op, NodeId a, NodeId b = 0, NodeId c = 0, double constant = 0);
  void CollectFactors(NodeId id, Factors& factors) const;
  NodeId Product(const Factors& factors);
  bool Folds(NodeId a) const { return at(a).op == Op::kConstant; }
  bool Scalar(NodeId a) const { return !at(a).on_variables; }
  bool Cheap(NodeId a) const { return !at(a).column(); }

  std::vector<bool> parameter_nonnegative_;
  std::vector<Node> nodes_;
  std::unordered_map<Node, NodeId, Hash, Equal> index_;
  bool merging_exponentials_ = true;
  bool overflowed_ = false;
};

}  // namespace sextant::fitting::expression
