// SPDX-License-Identifier: Apache-2.0
// Token files: a checked header and 16-bit tokens, so that a wrong or damaged file is refused before
// training.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sextant::trainer {

// Tokens in memory: the last `validation_tokens` are held out, the rest is trained on. Windows do not
// overlap; the target of a window's last position is the first token of the next window.
struct TokenSet {
  int vocab = 0;
  std::vector<uint16_t> tokens;
  int64_t validation_tokens = 0;
  double bytes_per_token = 1;  // of the text they came from, to convert nats a token into nats a byte

  int64_t train_tokens() const { return static_cast<int64_t>(tokens.size()) - validation_tokens; }
  int64_t TrainWindows(int sequence_length) const {
    return train_tokens() < 1 ? 0 : (train_tokens() - 1) / sequence_length;
  }
  int64_t ValidationWindows(int sequence_length) const {
    return validation_tokens < 1 ? 0 : (validation_tokens - 1) / sequence_length;
  }
};

// The file: 8 bytes "SXTOKEN1", then little-endian u32 vocab, u32 zero, u64 token count, u64 bytes of source
// text, u64 FNV-1a over the tokens, then the tokens as u16.
absl::Status WriteTokenFile(const std::string& path, int vocab, uint64_t source_bytes,
                            const std::vector<uint16_t>& tokens);

// NotFound when there is no such file; InvalidArgument when it is no token file, is cut short, is damaged or
// holds a token outside its vocabulary. `validation_tokens` is left 0.
absl::StatusOr<TokenSet> ReadTokenFile(const std::string& path);

// Any file as bytes, a token a byte, vocabulary 256, at most `limit_bytes` when that is positive.
absl::StatusOr<TokenSet> ReadBytes(const std::string& path, int64_t limit_bytes);

// Holds out the last `validation_tokens`. InvalidArgument when nothing would be left to train on.
absl::Status HoldOut(int64_t validation_tokens, TokenSet* tokens);

}  // namespace sextant::trainer
