// SPDX-License-Identifier: Apache-2.0
// Symbolic derivatives of an expression graph.
#pragma once

#include <cstdint>

#include "fitting/law/expression/graph.h"

namespace sextant::fitting::expression {

/// d root / d parameter, as a node of the same graph. Literally 0 where the graph shows no dependence.
/// At the kink of min and max the derivative is that of the first argument of min, the second of max.
NodeId Differentiate(Graph& graph, NodeId root, std::uint32_t parameter);

}  // namespace sextant::fitting::expression
