// SPDX-License-Identifier: Apache-2.0
// Splits the text of an expression into tokens that know their column.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <vector>

namespace sextant::fitting::expression {

enum class TokenKind { kNumber, kName, kSymbol, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;        ///< as written; one character for a symbol
  double number = 0;       ///< of kNumber
  std::size_t column = 1;  ///< 1-based, in bytes
};

/// The tokens of `text`, closed by kEnd. InvalidArgument on text that is too long, names that are too long,
/// malformed numbers and characters that the language does not have.
absl::StatusOr<std::vector<Token>> Tokenize(const std::string& text);

/// An InvalidArgument that names the column.
absl::Status ErrorAt(std::size_t column, const std::string& message);

/// True for [A-Za-z_][A-Za-z0-9_]* of at most kMaxNameBytes.
bool IsName(const std::string& text);

}  // namespace sextant::fitting::expression
