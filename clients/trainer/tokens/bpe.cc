// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/tokens/bpe.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <thread>
#include <unordered_map>

namespace sextant::trainer {
namespace {

enum class ByteClass { kWord, kSpace, kOther, kEnd };

ByteClass ClassOf(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte == 0) return ByteClass::kEnd;
  if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') return ByteClass::kSpace;
  const bool word = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= 'a' && byte <= 'z') || byte == '_' || byte >= 0x80;
  return word ? ByteClass::kWord : ByteClass::kOther;
}

// Length of the word that starts at `at`.
size_t WordLength(std::string_view text, size_t at) {
  size_t end = at + 1;
  ByteClass kind = ClassOf(text[at]);
  if (kind == ByteClass::kEnd) return 1;
  if (text[at] == ' ' && end < text.size() && ClassOf(text[end]) == ByteClass::kWord) kind = ByteClass::kWord;
  while (end < text.size() && end - at < kMaxWordBytes && ClassOf(text[end]) == kind) ++end;
  // The last space of a run belongs to the word behind it.
  if (kind == ByteClass::kSpace && end - at > 1 && text[end - 1] == ' ' && end < text.size() &&
      ClassOf(text[end]) == ByteClass::kWord) {
    --end;
  }
  return end - at;
}

using Pair = std::pair<uint16_t, uint16_t>;
uint32_t Key(Pair pair) { return static_cast<uint32_t>(pair.first) << 16 | pair.second; }

// Replaces every `pair` in the word by `token`, from the left.
void Replace(Pair pair, uint16_t token, std::vector<uint16_t>* word) {
  size_t to = 0;
  for (size_t from = 0; from < word->size(); ++from, ++to) {
    if (from + 1 < word->size() && (*word)[from] == pair.first && (*word)[from + 1] == pair.second) {
      (*word)[to] = token;
      ++from;
    } else {
      (*word)[to] = (*word)[from];
    }
  }
  word->resize(to);
}

struct CountedWord {
  std::vector<uint16_t> tokens;
  int64_t count = 0;
};

class Encoder {
 public:
  explicit Encoder(const Bpe& bpe) {
    for (size_t i = 0; i < bpe.merges.size(); ++i)
      ranks_.emplace(Key(bpe.merges[i]), static_cast<uint16_t>(256 + i));
  }
  void Encode(std::string_view text, std::vector<uint16_t>* out) {
    for (size_t at = 0; at < text.size();) {
      const size_t length = WordLength(text, at);
      const std::string_view word = text.substr(at, length);
      auto known = cache_.find(word);
      if (known == cache_.end()) known = cache_.emplace(word, Merge(word)).first;
      out->insert(out->end(), known->second.begin(), known->second.end());
      at += length;
    }
  }

 private:
  std::vector<uint16_t> Merge(std::string_view word) const {
    std::vector<uint16_t> tokens(word.size());
    std::transform(word.begin(), word.end(), tokens.begin(),
                   [](char c) { return static_cast<unsigned char>(c); });
    for (;;) {
      uint32_t best = UINT32_MAX;
      Pair pair;
      for (size_t i = 0; i + 1 < tokens.size(); ++i) {
        const auto rank = ranks_.find(Key({tokens[i], tokens[i + 1]}));
        if (rank != ranks_.end() && rank->second < best) {
          best = rank->second;
          pair = {tokens[i], tokens[i + 1]};
        }
      }
      if (best == UINT32_MAX) return tokens;
      Replace(pair, static_cast<uint16_t>(best), &tokens);
    }
  }

  std::unordered_map<uint32_t, uint16_t> ranks_;
  std::unordered_map<std::string_view, std::vector<uint16_t>> cache_;
};

}  // namespace

absl::StatusOr<Bpe> TrainBpe(const std::string& text, int vocab) {
  if (vocab < 256 || vocab > 65536) {
    return absl::InvalidArgumentError(absl::StrCat("vocabulary ", vocab, ": must be 256 to 65536"));
  }
  std::map<std::string_view, int64_t> counts;
  for (size_t at = 0; at < text.size();) {
    const size_t length = WordLength(text, at);
    ++counts[std::string_view(text).substr(at, length)];
    at += length;
  }
  std::vector<CountedWord> words;
  for (const auto& [word, count] : counts) {
    CountedWord entry{{}, count};
    for (const char c : word) entry.tokens.push_back(static_cast<unsigned char>(c));
    words.push_back(std::move(entry));
  }
  std::unordered_map<uint32_t, int64_t> pair_counts;
  std::unordered_map<uint32_t, std::vector<uint32_t>>
      holders;  // words that held the pair when it was counted
  // A word is noted as a holder of the pairs that are new in it: those with a token from `newest` on.
  auto count_pairs = [&](uint32_t index, int64_t sign, uint16_t newest) {
    const std::vector<uint16_t>& tokens = words[index].tokens;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      const uint32_t key = Key({tokens[i], tokens[i + 1]});
      pair_counts[key] += sign * words[index].count;
      if (sign > 0 && std::max(tokens[i], tokens[i + 1]) >= newest) holders[key].push_back(index);
    }
  };
  for (uint32_t i = 0; i < words.size(); ++i) count_pairs(i, 1, 0);
  Bpe bpe;
  while (bpe.vocab() < vocab) {
    uint32_t best = 0;
    int64_t best_count = 1;  // a pair seen once is no pattern
    for (const auto& [key, count] : pair_counts) {
      if (count > best_count || (count == best_count && best_count > 1 && key < best)) {
        best = key;
        best_count = count;
      }
    }
    if (best_count <= 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("the text only gives a vocabulary of ", bpe.vocab(), ", not ", vocab));
    }
    const Pair pair(static_cast<uint16_t>(best >> 16), static_cast<uint16_t>(best & 0xffff));
    const auto token = static_cast<uint16_t>(bpe.vocab());
    bpe.merges.push_back(pair);
    std::vector<uint32_t> touched = std::move(holders[best]);
    holders.erase(best);
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    for (const uint32_t index : touched) {
      count_pairs(index, -1, token);
      Replace(pair, token, &words[index].tokens);
      count_pairs(index, 1, token);
    }
    pair_counts.erase(best);
  }
  return bpe;
}

std::vector<uint16_t> Encode(const Bpe& bpe, const std::string& text, int threads) {
  // Parts end behind a NUL, where a word always ends, so that cutting does not change the tokens.
  std::vector<std::string_view> parts;
  const std::string_view all(text);
  const size_t share = text.size() / static_cast<size_t>(std::max(1, threads)) + 1;
  for (size_t at = 0; at < all.size();) {
    size_t end = all.size() - at > share ? all.find('\0', at + share) : std::string_view::npos;
    end = end == std::string_view::npos ? all.size() : end + 1;
    parts.push_back(all.substr(at, end - at));
    at = end;
  }
  std::vector<std::vector<uint16_t>> encoded(parts.size());
  std::vector<std::thread> workers;
  for (size_t i = 0; i < parts.size(); ++i) {
    workers.emplace_back([&, i] { Encoder(bpe).Encode(parts[i], &encoded[i]); });
  }
  for (std::thread& worker : workers) worker.join();
  std::vector<uint16_t> tokens;
  for (const std::vector<uint16_t>& part : encoded) tokens.insert(tokens.end(), part.begin(), part.end());
  return tokens;
}

std::string Decode(const Bpe& bpe, const std::vector<uint16_t>& tokens) {
  std::vector<std::string> meaning;
  for (int byte = 0; byte < 256; ++byte) meaning.emplace_back(1, static_cast<char>(byte));
  for (const Pair& pair : bpe.merges) meaning.push_back(meaning[pair.first] + meaning[pair.second]);
  std::string text;
  for (const uint16_t token : tokens) text += meaning.at(token);
  return text;
}

}  // namespace sextant::trainer
