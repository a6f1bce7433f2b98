// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/expression/lexer.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "fitting/law/expression/limits.h"

namespace sextant::fitting::expression {
namespace {

// Not <cctype>: the language is ASCII in every locale.
bool Digit(char c) { return c >= '0' && c <= '9'; }
bool NameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool NameRest(char c) { return NameStart(c) || Digit(c); }

std::string Printable(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7f) return std::string("'") + c + "'";
  char text[16];
  std::snprintf(text, sizeof text, "byte 0x%02X", byte);
  return text;
}

std::string HintFor(char c) {
  switch (c) {
    case '[':
    case '{':
      return "; group with ( and )";
    case '=':
      return "; write only the right-hand side";
    case '|':
      return "; there is no absolute value";
    default:
      return "; an expression has numbers, names, + - * / ^ ( ) and ,";
  }
}

}  // namespace

absl::Status ErrorAt(std::size_t column, const std::string& message) {
  return absl::InvalidArgumentError("expression, column " + std::to_string(column) + ": " + message);
}

bool IsName(const std::string& text) {
  if (text.empty() || text.size() > kMaxNameBytes || !NameStart(text[0])) return false;
  for (char c : text) {
    if (!NameRest(c)) return false;
  }
  return true;
}

absl::StatusOr<std::vector<Token>> Tokenize(const std::string& text) {
  if (text.size() > kMaxExpressionBytes) {
    return absl::InvalidArgumentError("expression has " + std::to_string(text.size()) + " bytes; at most " +
                                      std::to_string(kMaxExpressionBytes) + " are allowed");
  }
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at;
      continue;
    }
    Token token;
    token.column = at + 1;
    if (NameStart(c)) {
      std::size_t end = at;
      while (end < text.size() && NameRest(text[end])) ++end;
      if (end - at > kMaxNameBytes) {
        return ErrorAt(at + 1, "name of " + std::to_string(end - at) + " bytes; at most " +
                                   std::to_string(kMaxNameBytes) + " are allowed");
      }
      token.kind = TokenKind::kName;
      token.text = text.substr(at, end - at);
      at = end;
    } else if (Digit(c) || (c == '.' && at + 1 < text.size() && Digit(text[at + 1]))) {
      const char* first = text.data() + at;
      auto [end, error] = std::from_chars(first, text.data() + text.size(), token.number);
      if (error != std::errc() || !std::isfinite(token.number)) {
        return ErrorAt(at + 1, "number out of range; use one that fits a double");
      }
      token.kind = TokenKind::kNumber;
      token.text.assign(first, end);
      at = static_cast<std::size_t>(end - text.data());
      if (at < text.size() && (NameRest(text[at]) || text[at] == '.')) {
        return ErrorAt(at + 1, "unexpected " + Printable(text[at]) + " after the number " + token.text +
                                   "; write * for a product, and numbers like 1.5e-3");
      }
    } else if (std::string("+-*/^(),").find(c) != std::string::npos) {
      token.kind = TokenKind::kSymbol;
      token.text = std::string(1, c);
      ++at;
      if (c == '*' && at < text.size() && text[at] == '*')
        return ErrorAt(at + 1, "unexpected '*'; a power is written ^");
    } else {
      return ErrorAt(at + 1, "unexpected " + Printable(c) + HintFor(c));
    }
    tokens.push_back(std::move(token));
  }
  tokens.emplace_back().column = text.size() + 1;  // kEnd
  return tokens;
}

}  // namespace sextant::fitting::expression
