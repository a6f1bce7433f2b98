// SPDX-License-Identifier: Apache-2.0
// Parses the expression of a law into a graph.
//
//   sum      = product { (+|-) product }
//   product  = unary { (*|/) unary }
//   unary    = - unary | + unary | power
//   power    = primary [ ^ unary ]                  right associative; -x^2 is -(x^2)
//   primary  = number | name | function ( sum { , sum } ) | ( sum )
//   function = exp | log | sqrt | pow | min | max | logsumexp     (log is the natural logarithm)
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/law/expression/graph.h"

namespace sextant::fitting::expression {

/// The names an expression may use, in order of their indices.
struct Names {
  std::vector<std::string> variables;
  std::vector<std::string> parameters;
};

/// Adds the expression to `graph`. InvalidArgument names the column, what is wrong and what to do.
absl::StatusOr<NodeId> Parse(const std::string& text, const Names& names, Graph& graph);

/// True for the name of a function of the language.
bool IsFunction(const std::string& name);

}  // namespace sextant::fitting::expression
