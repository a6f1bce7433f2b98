// SPDX-License-Identifier: Apache-2.0
// Products in an expression graph: one form for each, so that equal parts of different products are one node.
#include <algorithm>
#include <cmath>

#include "fitting/law/expression/graph.h"

namespace sextant::fitting::expression {

// The factors of a product by what they depend on, with literals folded into one.
struct Graph::Factors {
  double literal = 1;
  std::vector<NodeId> columns, data, scalars;
};

void Graph::CollectFactors(NodeId id, Factors& factors) const {
  const Node& node = at(id);
  if (node.op == Op::kMultiply && node.a != node.b) {  // a square stays whole: powers are chains of squares
    CollectFactors(node.a, factors);
    CollectFactors(node.b, factors);
  } else if (node.op == Op::kNegate) {
    factors.literal = -factors.literal;
    CollectFactors(node.a, factors);
  } else if (node.op == Op::kConstant) {
    factors.literal *= node.constant;
  } else {
    (node.column() ? factors.columns : node.on_variables ? factors.data : factors.scalars).push_back(id);
  }
}

// Products have one form, ((columns) * data) * scalars, each group in order of node. Equal parts of different
// products are then one node (a term and its derivatives share theirs), and what depends on data or on
// parameters alone is multiplied once.
NodeId Graph::Product(const Factors& factors) {
  auto fold = [&](std::vector<NodeId> group) {
    std::sort(group.begin(), group.end());
    NodeId product = group.front();
    for (std::size_t i = 1; i < group.size(); ++i) product = Intern(Op::kMultiply, product, group[i]);
    return product;
  };
  std::vector<NodeId> groups;
  if (!factors.columns.empty()) groups.push_back(fold(factors.columns));
  if (!factors.data.empty()) groups.push_back(fold(factors.data));
  double literal = factors.literal;
  if (!factors.scalars.empty()) {
    NodeId scalar = fold(factors.scalars);
    if (literal == -1) scalar = Intern(Op::kNegate, scalar);
    if (std::fabs(literal) != 1) scalar = Intern(Op::kMultiply, scalar, Constant(literal));
    groups.push_back(scalar);
  } else if (literal == -1 && !groups.empty()) {
    groups.back() = Intern(Op::kNegate, groups.back());
  } else if (literal != 1 || groups.empty()) {
    groups.push_back(Constant(literal));
  }
  NodeId product = groups.front();
  for (std::size_t i = 1; i < groups.size(); ++i) product = Intern(Op::kMultiply, product, groups[i]);
  return product;
}

NodeId Graph::Multiply(NodeId a, NodeId b) {
  if (IsConstant(a, 0) || IsConstant(b, 0)) return Constant(0);
  if (a == b && !Folds(a) && at(a).op != Op::kNegate && at(a).op != Op::kExp)
    return Intern(Op::kMultiply, a, a);
  Factors factors;
  CollectFactors(a, factors);
  CollectFactors(b, factors);
  if (merging_exponentials_) {
    // One exponential instead of two, and no overflow of the first.
    auto exponential = [&](NodeId id) { return at(id).op == Op::kExp; };
    auto first = std::find_if(factors.columns.begin(), factors.columns.end(), exponential);
    for (std::vector<NodeId>* group : {&factors.columns, &factors.scalars}) {
      for (std::size_t i = group->size(); i-- > 0 && first != factors.columns.end();) {
        NodeId& other = (*group)[i];
        if (&other == &*first || !exponential(other)) continue;
        *first = Exp(Add(at(*first).a, at(other).a));
        group->erase(group->begin() + static_cast<std::ptrdiff_t>(i));
        first = std::find_if(factors.columns.begin(), factors.columns.end(), exponential);
      }
    }
  }
  return Product(factors);
}

}  // namespace sextant::fitting::expression
