// SPDX-License-Identifier: Apache-2.0
// Bounds on what a law's author may send: a law is untrusted text, and everything derived from it stays
// small.
#pragma once

#include <cstddef>

namespace sextant::fitting::expression {

inline constexpr std::size_t kMaxExpressionBytes = 4096;  ///< length of an expression
inline constexpr std::size_t kMaxNameBytes = 64;          ///< length of a variable's or parameter's name
inline constexpr std::size_t kMaxDepth = 128;         ///< nesting; a pair of parentheses counts as two levels
inline constexpr std::size_t kMaxParsedNodes = 1024;  ///< operators, calls, names and numbers
inline constexpr std::size_t kMaxArguments = 32;      ///< of min, max and logsumexp
inline constexpr std::size_t kMaxVariables = 32;
inline constexpr std::size_t kMaxParameters = 64;  ///< an average of laws has as many as all of them
/// Nodes of the graph with its derivatives. Ordinary laws need under 200.
inline constexpr std::size_t kMaxGraphNodes = 16384;

}  // namespace sextant::fitting::expression
