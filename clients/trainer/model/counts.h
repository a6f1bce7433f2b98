// SPDX-License-Identifier: Apache-2.0
// Parameters and floating-point operations of a shape, in each convention that scaling laws use.
#pragma once

#include <cstdint>

#include "clients/trainer/model/shape.h"

namespace sextant::trainer {

struct ParameterCounts {
  int64_t non_embedding = 0;  // blocks and gains, without embedding and head (Kaplan et al. 2020, N)
  int64_t total = 0;          // everything (Hoffmann et al. 2022, N)
  int64_t embedding = 0;      // [vocab, d]
  int64_t head = 0;           // [vocab, d]
  int64_t matrices = 0;       // what a token is multiplied with: block matrices and head
};
ParameterCounts CountParameters(const ModelShape& shape);

// Training FLOPs a token: a multiply-add counts two, the backward pass twice the forward pass.
struct FlopsPerToken {
  double six_n_non_embedding = 0;  // 6 N, N without embedding and head
  double six_n_total = 0;          // 6 N, N with both
  double matrices = 0;             // 6 x (block matrices + head): what the matrix products cost
  double attention_causal = 0;     // scores and their use, half the square: 6 L T d
  double attention_full = 0;       // the same with the masked half counted: 12 L T d (DeepSeek 2024, M)
  double exact() const { return matrices + attention_causal; }
};
FlopsPerToken CountFlopsPerToken(const ModelShape& shape);

}  // namespace sextant::trainer
