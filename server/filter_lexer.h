// SPDX-License-Identifier: Apache-2.0
// Words of the filter language. See server/filter.h.
#pragma once

#include <cstddef>
#include <string>

namespace sextant::server {

enum class FilterToken { kEnd, kWord, kQuoted, kOpen, kClose, kOperator, kMinus, kBad };

/// Reads tokens from left to right. `position` is the 1-based byte where the current token starts.
class FilterLexer {
 public:
  explicit FilterLexer(const std::string& text) : text_(text) { Next(); }
  FilterToken kind() const { return kind_; }
  const std::string& text() const { return token_; }
  std::size_t position() const { return start_ + 1; }
  /// True when white space, the beginning or "(" precedes the token.
  bool after_space() const { return after_space_; }
  void Next();
  /// Reads the current position again as a value, in which a leading '-' or '*' is part of the word.
  void ReadAsValue();

 private:
  void Quoted(char quote);
  void Word();

  const std::string& text_;
  std::size_t at_ = 0, start_ = 0;
  bool after_space_ = true;
  FilterToken kind_ = FilterToken::kEnd;
  std::string token_;
};

}  // namespace sextant::server
