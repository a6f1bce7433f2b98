// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/expression/differentiate.h"

#include <unordered_map>

namespace sextant::fitting::expression {

NodeId Differentiate(Graph& graph, NodeId root, std::uint32_t parameter) {
  const NodeId zero = graph.Constant(0), one = graph.Constant(1);
  std::unordered_map<NodeId, NodeId> derivative;
  for (NodeId id : graph.Reachable({root})) {
    const Node node = graph.at(id);  // a copy: the graph grows below
    auto of = [&](NodeId operand) { return derivative.at(operand); };
    NodeId d = zero;
    if (node.on_parameters) {
      switch (node.op) {
        case Op::kParameter:
          d = node.a == parameter ? one : zero;
          break;
        case Op::kAdd:
          d = graph.Add(of(node.a), of(node.b));
          break;
        case Op::kSubtract:
          d = graph.Subtract(of(node.a), of(node.b));
          break;
        case Op::kMultiply:
          d = graph.Add(graph.Multiply(node.a, of(node.b)), graph.Multiply(node.b, of(node.a)));
          break;
        case Op::kDivide: {
          const NodeId reciprocal = graph.Divide(one, node.b);
          d = graph.Subtract(graph.Multiply(reciprocal, of(node.a)),
                             graph.Multiply(graph.Multiply(id, reciprocal), of(node.b)));
          break;
        }
        case Op::kNegate:
          d = graph.Negate(of(node.a));
          break;
        case Op::kExp:
          d = graph.Multiply(id, of(node.a));
          break;
        case Op::kLog:
          if (of(node.a) != zero) d = graph.Multiply(of(node.a), graph.Divide(one, node.a));
          break;
        case Op::kSqrt:
          if (of(node.a) != zero) d = graph.Multiply(of(node.a), graph.Divide(graph.Constant(0.5), id));
          break;
        case Op::kMin:
          d = graph.Select(graph.LessEqual(node.a, node.b), of(node.a), of(node.b));
          break;
        case Op::kMax:
          d = graph.Select(graph.LessEqual(node.a, node.b), of(node.b), of(node.a));
          break;
        case Op::kSelect:
          d = graph.Select(node.a, of(node.b), of(node.c));
          break;
        case Op::kConstant:
        case Op::kVariable:
        case Op::kShift:
        case Op::kLessEqual:
          break;
      }
    }
    derivative.emplace(id, d);
    if (graph.overflowed()) return zero;
  }
  return derivative.at(root);
}

}  // namespace sextant::fitting::expression
