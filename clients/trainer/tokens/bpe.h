// SPDX-License-Identifier: Apache-2.0
// Byte-pair encoding (Sennrich et al. 2016) over bytes, for text whose documents end in NUL.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sextant::trainer {

// Tokens 0 to 255 are bytes; token 256 + i is the pair merges[i]. Merges never cross words: runs of letters,
// digits and underscores with at most one space before them, runs of white space, runs of other characters,
// and NUL alone; no word is longer than kMaxWordBytes.
struct Bpe {
  std::vector<std::pair<uint16_t, uint16_t>> merges;
  int vocab() const { return 256 + static_cast<int>(merges.size()); }
};

inline constexpr size_t kMaxWordBytes = 64;

// Learns vocab - 256 merges, the most frequent pair first, ties to the pair of lower tokens: the same text
// gives the same merges. InvalidArgument for a vocabulary outside 256 .. 65536 or a text too small to fill
// it.
absl::StatusOr<Bpe> TrainBpe(const std::string& text, int vocab);

// Tokens of the text; the same whatever the number of threads.
std::vector<uint16_t> Encode(const Bpe& bpe, const std::string& text, int threads);
// The bytes that the tokens stand for.
std::string Decode(const Bpe& bpe, const std::vector<uint16_t>& tokens);

// Text files: a line "sextant-bpe 1", then a line "left right" a merge.
absl::Status WriteBpe(const std::string& path, const Bpe& bpe);
absl::StatusOr<Bpe> ReadBpe(const std::string& path);

}  // namespace sextant::trainer
