// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/expression/log_form.h"

#include <vector>

namespace sextant::fitting::expression {
namespace {

constexpr double kLargestExponent = 709;  // exp of it is finite

// A term as coefficient * exp(exponent): the coefficient may be exactly 0, so its logarithm must not enter
// derivatives.
struct Term {
  NodeId coefficient, exponent;
};

void CollectTerms(const Graph& graph, NodeId value, std::vector<NodeId>& terms) {
  const Node& node = graph.at(value);
  if (node.op == Op::kAdd && node.nonnegative) {
    CollectTerms(graph, node.a, terms);
    CollectTerms(graph, node.b, terms);
  } else {
    terms.push_back(value);
  }
}

Term Split(Graph& graph, NodeId value) {
  const Node node = graph.at(value);
  if (node.op == Op::kExp) return {graph.Constant(1), node.a};
  if (node.op == Op::kMultiply && node.nonnegative) {
    const Term a = Split(graph, node.a), b = Split(graph, node.b);
    return {graph.Multiply(a.coefficient, b.coefficient), graph.Add(a.exponent, b.exponent)};
  }
  if (node.op == Op::kDivide && node.nonnegative) {
    const Term a = Split(graph, node.a), b = Split(graph, node.b);
    return {graph.Divide(a.coefficient, b.coefficient), graph.Subtract(a.exponent, b.exponent)};
  }
  return {value, graph.Constant(0)};
}

}  // namespace

NodeId LogForm(Graph& graph, NodeId value) {
  const Node node = graph.at(value);
  std::vector<NodeId> summands;
  CollectTerms(graph, value, summands);
  if (summands.size() == 1) {
    if (node.nonnegative && node.op == Op::kMultiply)
      return graph.Add(LogForm(graph, node.a), LogForm(graph, node.b));
    if (node.nonnegative && node.op == Op::kDivide) {
      return graph.Subtract(LogForm(graph, node.a), LogForm(graph, node.b));
    }
    return graph.Log(value);
  }
  std::vector<Term> terms;
  for (NodeId summand : summands) terms.push_back(Split(graph, summand));
  auto size = [&](const Term& term) { return graph.Add(graph.Log(term.coefficient), term.exponent); };
  NodeId shift = size(terms.front());
  for (std::size_t i = 1; i < terms.size(); ++i) shift = graph.Shift(shift, size(terms[i]));
  NodeId sum = graph.Constant(0);
  for (const Term& term : terms) {
    // Above the largest exponent only where the coefficient is 0, whose product must be 0 and not NaN.
    const NodeId exponent = graph.Min(graph.Subtract(term.exponent, shift), graph.Constant(kLargestExponent));
    sum = graph.Add(sum, graph.Multiply(term.coefficient, graph.Exp(exponent)));
  }
  return graph.Add(shift, graph.Log(sum));
}

}  // namespace sextant::fitting::expression
