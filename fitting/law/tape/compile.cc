// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "fitting/law/tape/tape.h"

namespace sextant::fitting::tape {
namespace {

using expression::Graph;
using expression::Node;
using expression::NodeId;
using expression::Op;

constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

unsigned Arity(Op op) {
  switch (op) {
    case Op::kConstant:
    case Op::kVariable:
    case Op::kParameter:
      return 0;
    case Op::kNegate:
    case Op::kExp:
    case Op::kLog:
    case Op::kSqrt:
      return 1;
    case Op::kSelect:
      return 3;
    default:
      return 2;
  }
}

// Registers are symbolic while compiling: scalars, data, work and outputs are numbered on their own, and
// become final once it is known how many there are of each.
enum class Bank : std::uint8_t { kScalar, kData, kWork, kOutput };
struct Place {
  Bank bank = Bank::kScalar;
  std::uint32_t index = kNowhere;
};
struct Draft {
  Code code = Code::kAddVV;
  Destination destination = Destination::kWork;
  Place to, output, a, b, c;
};

class Compiler {
 public:
  Compiler(const Graph& graph, const std::vector<NodeId>& outputs)
      : graph_(graph), outputs_(outputs), order_(graph.Reachable(outputs)) {}

  Tape Run() {
    CountUses();
    for (NodeId id : order_) {
      const Node& node = graph_.at(id);
      if (!node.on_variables) {
        MakeScalar(id, node);
      } else if (node.column() && !fused_[id]) {
        MakeColumn(id, node);
      }
    }
    for (std::size_t k = 0; k < outputs_.size(); ++k) tape_.outputs.push_back(OutputFor(k));
    return Numbered();
  }

 private:
  void CountUses() {
    uses_.assign(graph_.size(), 0);
    fused_.assign(graph_.size(), false);
    is_output_.assign(graph_.size(), false);
    place_.assign(graph_.size(), Place{});
    for (NodeId id : order_) {
      const Node& node = graph_.at(id);
      if (!node.column()) continue;
      const NodeId operands[] = {node.a, node.b, node.c};
      for (unsigned i = 0; i < Arity(node.op); ++i) ++uses_[operands[i]];
    }
    for (NodeId id : outputs_) is_output_[id] = true;
    // A node that one other node alone needs may become part of that node's instruction. From the outputs
    // down, so that no node is both absorbed and absorbing.
    for (auto id = order_.rbegin(); id != order_.rend(); ++id) {
      if (!graph_.at(*id).column() || fused_[*id]) continue;
      if (PairWithReciprocal(*id)) continue;
      if (const NodeId child = Absorbed(*id); child != *id) {
        absorbed_by_[*id] = child;
        fused_[child] = true;
      }
    }
  }

  // log(v) that is only handed out, where 1/v is needed too: one step takes both, and the division hides
  // behind the polynomial.
  bool PairWithReciprocal(NodeId id) {
    const Node& node = graph_.at(id);
    if (node.op != Op::kLog || !is_output_[id] || uses_[id] != 0) return false;
    for (NodeId other : order_) {
      const Node& reciprocal = graph_.at(other);
      if (reciprocal.op != Op::kDivide || reciprocal.b != node.a || !graph_.IsConstant(reciprocal.a, 1))
        continue;
      log_beside_[other] = id;
      fused_[id] = true;
      return true;
    }
    return false;
  }

  // The operand whose computation node `id` takes over; `id` itself if there is none.
  NodeId Absorbed(NodeId id) const {
    const Node& node = graph_.at(id);
    auto absorbable = [&](NodeId child, Op op) {
      const Node& n = graph_.at(child);
      return n.op == op && n.column() && uses_[child] == 1 && !is_output_[child];
    };
    switch (node.op) {
      case Op::kExp: {
        const Node& product = graph_.at(node.a);
        return absorbable(node.a, Op::kMultiply) && (Scalar(product.a) || Scalar(product.b)) ? node.a : id;
      }
      case Op::kAdd:
        if (absorbable(node.a, Op::kMultiply)) return node.a;
        if (absorbable(node.b, Op::kMultiply)) return node.b;
        [[fallthrough]];
      case Op::kMultiply:
        if (absorbable(node.a, node.op)) return node.a;
        return absorbable(node.b, node.op) ? node.b : id;
      default:
        return id;
    }
  }

  bool Scalar(NodeId id) const { return !graph_.at(id).on_variables; }

  void MakeScalar(NodeId id, const Node& node) {
    const auto place = static_cast<std::uint32_t>(tape_.scalars.size());
    place_[id] = {Bank::kScalar, place};
    tape_.scalars.push_back(node.op == Op::kConstant ? node.constant : 0);
    if (node.op == Op::kParameter) tape_.parameters.emplace_back(place, node.a);
    if (Arity(node.op) == 0) return;
    auto index = [&](NodeId operand, unsigned needed) {
      return Arity(node.op) >= needed ? place_[operand].index : 0;
    };
    tape_.scalar_steps.push_back({node.op, place, index(node.a, 1), index(node.b, 2), index(node.c, 3)});
  }

  // The place of an operand; data-only nodes become data columns on first use.
  Place Of(NodeId id) {
    const Node& node = graph_.at(id);
    if (node.on_variables && !node.on_parameters && place_[id].index == kNowhere) {
      place_[id] = {Bank::kData, static_cast<std::uint32_t>(tape_.data_nodes.size())};
      tape_.data_nodes.push_back(id);
    }
    return place_[id];
  }

  // As Of, but a scalar is spread over a work column first, for instructions without a scalar form.
  Place Spread(NodeId id) {
    if (!Scalar(id)) return Of(id);
    const Place to = NewWork();
    drafts_.push_back({Code::kBroadcast, Destination::kWork, to, {}, Of(id), Of(id), Of(id)});
    spread_.push_back(to.index);
    return to;
  }

  Place NewWork() {
    if (free_.empty()) return {Bank::kWork, tape_.work_columns++};
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return {Bank::kWork, index};
  }

  // An operand has been read once more; its work column is free again after the last read.
  void Release(NodeId id) {
    if (--uses_[id] == 0 && place_[id].bank == Bank::kWork && place_[id].index != kNowhere) {
      free_.push_back(place_[id].index);
    }
  }

  void MakeColumn(NodeId id, const Node& node) {
    Draft draft{};
    std::vector<NodeId> read = {node.a, node.b, node.c};
    read.resize(Arity(node.op));
    if (const auto log = log_beside_.find(id); log != log_beside_.end()) {
      draft = {Code::kReciprocalAndLog,
               {},
               {},
               {},
               Of(node.b),
               Of(node.b),
               {Bank::kOutput, FirstOutput(log->second)}};
      read = {node.a, node.b, node.b};
    } else if (!MakeFused(id, node, draft, read)) {
      MakePlain(node, draft);
    }
    Emit(id, draft, read);
  }

  // `id` together with the operand that it absorbs. A scalar comes last where the order is free.
  bool MakeFused(NodeId id, const Node& node, Draft& draft, std::vector<NodeId>& read) {
    const auto found = absorbed_by_.find(id);
    if (found == absorbed_by_.end()) return false;
    const NodeId inner = found->second;
    NodeId p = graph_.at(inner).a, q = graph_.at(inner).b;
    if (Scalar(p)) std::swap(p, q);
    if (node.op == Op::kExp) {
      draft = {Code::kExpMultiplyVS, {}, {}, {}, Of(p), Of(q), Of(q)};
      read = {p, q};
      return true;
    }
    NodeId other = node.a == inner ? node.b : node.a;
    Code code = Code::kAddVVV;
    if (graph_.at(inner).op == node.op) {  // x y z or x + y + z
      if (Scalar(q)) std::swap(q, other);
      const bool sum = node.op == Op::kAdd, scalar = Scalar(other);
      code =
          sum ? (scalar ? Code::kAddVVS : Code::kAddVVV) : (scalar ? Code::kMultiplyVVS : Code::kMultiplyVVV);
    } else if (Scalar(q)) {
      code = Scalar(other) ? Code::kMultiplyAddVSS : Code::kMultiplyAddVSV;
    } else {
      code = Scalar(other) ? Code::kMultiplyAddVVS : Code::kMultiplyAddVVV;
    }
    const bool scalar_second = code == Code::kMultiplyAddVSS || code == Code::kMultiplyAddVSV;
    draft = {code, {}, {}, {}, Of(p), scalar_second ? Of(q) : Spread(q), Of(other)};
    read = {p, q, other};
    return true;
  }

  void MakePlain(const Node& node, Draft& draft) {
    const bool sa = Scalar(node.a), sb = Scalar(node.b);
    auto binary = [&](Code code, NodeId a, NodeId b) { draft = {code, {}, {}, {}, Of(a), Of(b), Of(b)}; };
    auto spread = [&](Code code) {
      const Place a = Spread(node.a), b = Spread(node.b);
      draft = {code, {}, {}, {}, a, b, node.op == Op::kSelect ? Spread(node.c) : b};
    };
    switch (node.op) {
      case Op::kAdd:
        sa ? binary(Code::kAddVS, node.b, node.a) : binary(sb ? Code::kAddVS : Code::kAddVV, node.a, node.b);
        break;
      case Op::kSubtract:
        binary(sa ? Code::kSubtractSV : sb ? Code::kSubtractVS : Code::kSubtractVV, node.a, node.b);
        break;
      case Op::kMultiply:
        sa ? binary(Code::kMultiplyVS, node.b, node.a)
           : binary(sb ? Code::kMultiplyVS : Code::kMultiplyVV, node.a, node.b);
        break;
      case Op::kDivide:
        if (sb) {
          spread(Code::kDivideVV);
        } else {
          binary(sa ? Code::kDivideSV : Code::kDivideVV, node.a, node.b);
        }
        break;
      case Op::kNegate:
        binary(Code::kNegate, node.a, node.a);
        break;
      case Op::kExp:
        binary(Code::kExp, node.a, node.a);
        break;
      case Op::kLog:
        binary(Code::kLog, node.a, node.a);
        break;
      case Op::kSqrt:
        binary(Code::kSqrt, node.a, node.a);
        break;
      case Op::kMin:
        spread(Code::kMin);
        break;
      case Op::kMax:
        spread(Code::kMax);
        break;
      case Op::kShift:
        spread(Code::kShift);
        break;
      case Op::kLessEqual:
        spread(Code::kLessEqual);
        break;
      case Op::kSelect:
        spread(Code::kSelect);
        break;
      case Op::kConstant:
      case Op::kVariable:
      case Op::kParameter:
        return;
    }
  }

  // Gives the result a column. Elementwise instructions may write over an operand that nobody reads again.
  void Emit(NodeId id, Draft& draft, const std::vector<NodeId>& read) {
    for (NodeId operand : read) Release(operand);
    free_.insert(free_.end(), spread_.begin(), spread_.end());
    spread_.clear();
    if (uses_[id] > 0) draft.to = place_[id] = NewWork();
    if (is_output_[id]) {
      draft.destination = uses_[id] > 0 ? Destination::kWorkAndOutput : Destination::kOutput;
      draft.output = {Bank::kOutput, FirstOutput(id)};
    }
    drafts_.push_back(draft);
  }

  std::uint32_t FirstOutput(NodeId id) const {
    return static_cast<std::uint32_t>(std::find(outputs_.begin(), outputs_.end(), id) - outputs_.begin());
  }

  Output OutputFor(std::size_t k) {
    const NodeId id = outputs_[k];
    const Node& node = graph_.at(id);
    if (FirstOutput(id) != k) return {OutputKind::kDuplicate, FirstOutput(id)};
    if (!node.on_variables) return {OutputKind::kScalar, place_[id].index};
    if (!node.on_parameters) return {OutputKind::kData, Of(id).index};
    return {OutputKind::kComputed, 0};
  }

  Tape Numbered() {
    auto number = [&](Place place) -> std::uint16_t {
      if (place.index == kNowhere) return 0;
      const std::uint32_t first[] = {0, tape_.FirstData(), tape_.FirstWork(), tape_.FirstOutput()};
      return static_cast<std::uint16_t>(first[static_cast<std::size_t>(place.bank)] + place.index);
    };
    for (const Draft& d : drafts_) {
      tape_.instructions.push_back(
          {d.code, d.destination, number(d.to), number(d.output), number(d.a), number(d.b), number(d.c)});
    }
    return std::move(tape_);
  }

  const Graph& graph_;
  const std::vector<NodeId>& outputs_;
  const std::vector<NodeId> order_;
  std::vector<std::uint32_t> uses_;
  std::vector<bool> fused_, is_output_;
  std::unordered_map<NodeId, NodeId> absorbed_by_;  ///< absorbing node -> its operand
  std::unordered_map<NodeId, NodeId> log_beside_;   ///< reciprocal -> logarithm of the same operand
  std::vector<Place> place_;
  std::vector<Draft> drafts_;
  std::vector<std::uint32_t> free_, spread_;
  Tape tape_;
};

}  // namespace

Tape CompileTape(const Graph& graph, const std::vector<NodeId>& outputs) {
  return Compiler(graph, outputs).Run();
}

}  // namespace sextant::fitting::tape
