// SPDX-License-Identifier: Apache-2.0
// The logarithm of an expression in a form that does not overflow on the way.
#pragma once

#include "fitting/law/expression/graph.h"

namespace sextant::fitting::expression {

/// log(value): sums of terms known to be positive become log-sum-exp over the terms' logarithms, products
/// sums. Derivatives stay finite where the coefficient of a term is 0. Equal to graph.Log(value) where that
/// is finite.
NodeId LogForm(Graph& graph, NodeId value);

}  // namespace sextant::fitting::expression
