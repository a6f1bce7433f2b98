// SPDX-License-Identifier: Apache-2.0
// How far apart two words are: what "did you mean" is decided by.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sextant {

/// Insertions, deletions and replacements of bytes that turn `a` into `b` (Levenshtein 1966). The time is the
/// product of the two lengths: bound what comes from outside.
std::size_t EditDistance(std::string_view a, std::string_view b);

/// The candidate nearest to `word`, if that is near enough to be a slip (a third of the word's length, at
/// least one edit); the first of several, empty for none. Words over 64 and candidates over 128 bytes are
/// not compared.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace sextant
