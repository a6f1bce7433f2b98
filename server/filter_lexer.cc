// SPDX-License-Identifier: Apache-2.0
#include "server/filter_lexer.h"

#include <cctype>
#include <cstring>

namespace sextant::server {
namespace {

bool IsWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("._-+/@~^*", c) != nullptr ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

}  // namespace

void FilterLexer::Next() {
  const std::size_t before = at_;
  while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  after_space_ = at_ == 0 || at_ > before || text_[at_ - 1] == '(';
  start_ = at_;
  token_.clear();
  if (at_ == text_.size()) {
    kind_ = FilterToken::kEnd;
    return;
  }
  const char c = text_[at_];
  if (c == '(' || c == ')') {
    kind_ = c == '(' ? FilterToken::kOpen : FilterToken::kClose;
    token_ = c;
    ++at_;
  } else if (c == '"' || c == '\'') {
    Quoted(c);
  } else if (c == '-') {
    kind_ = FilterToken::kMinus;
    token_ = c;
    ++at_;
  } else if (std::strchr("<>=!:", c) != nullptr && c != '\0') {
    kind_ = FilterToken::kOperator;
    token_ = c;
    ++at_;
    if (c != ':' && c != '=' && at_ < text_.size() && text_[at_] == '=') token_ += text_[at_++];
    if (token_ == "!") kind_ = FilterToken::kBad;
  } else if (c != '\0' && IsWord(c)) {
    Word();
  } else {
    kind_ = FilterToken::kBad;
    token_ = c;
    ++at_;
  }
}

void FilterLexer::ReadAsValue() {
  if (kind_ != FilterToken::kMinus) return;
  at_ = start_;
  Word();
}

void FilterLexer::Word() {
  token_.clear();
  while (at_ < text_.size() && text_[at_] != '\0' && IsWord(text_[at_])) token_ += text_[at_++];
  kind_ = FilterToken::kWord;
}

void FilterLexer::Quoted(char quote) {
  ++at_;
  while (at_ < text_.size() && text_[at_] != quote) {
    if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
    token_ += text_[at_++];
  }
  if (at_ == text_.size()) {
    kind_ = FilterToken::kBad;
    token_ = "unclosed quote";
    return;
  }
  ++at_;
  kind_ = FilterToken::kQuoted;
}

}  // namespace sextant::server
