// SPDX-License-Identifier: Apache-2.0
// Made-up tokens with something to learn: short phrases repeated with noise.
#pragma once

#include "clients/trainer/model/random.h"
#include "clients/trainer/tokens/token_file.h"

namespace sextant::trainer {

inline TokenSet PhraseTokens(int vocab, int64_t count, int64_t validation_tokens, uint64_t seed = 7) {
  TokenSet set;
  set.vocab = vocab;
  set.validation_tokens = validation_tokens;
  uint64_t phrase = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (i % 12 == 0) phrase = Mix64(seed + static_cast<uint64_t>(i)) % 16;
    const uint64_t noise = Mix64(seed ^ static_cast<uint64_t>(i));
    const uint64_t draw = noise % 8 == 0 ? noise >> 8 : Mix64(phrase * 12 + static_cast<uint64_t>(i % 12));
    set.tokens.push_back(static_cast<uint16_t>(draw % static_cast<uint64_t>(vocab)));
  }
  return set;
}

}  // namespace sextant::trainer
