// SPDX-License-Identifier: Apache-2.0
// Names of what a study records in addition to the standard fields of a run: its variables and objectives.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sextant {

inline constexpr std::size_t kMaxDeclared = 64;  ///< variables and objectives of a study, together
inline constexpr std::size_t kMaxDeclaredNameBytes = 63;
inline constexpr std::size_t kMaxDeclaredUnitBytes = 63, kMaxDeclaredMeaningBytes = 256;

/// What is wrong with `name` for a variable or objective of a study, or empty: it is a word that laws,
/// filters and tables can write ([A-Za-z_][A-Za-z0-9_]*), and stands for nothing else. Names and aliases of
/// run fields, other members of a run and the variables that laws read from run fields (N, D, C, B, S, L) are
/// taken.
std::string WrongDeclaredName(std::string_view name);

}  // namespace sextant
