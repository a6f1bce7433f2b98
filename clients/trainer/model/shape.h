// SPDX-License-Identifier: Apache-2.0
// The shape of a decoder-only transformer and where each of its tensors lies in the flat parameter vector.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "clients/trainer/model/shape_constants.h"

namespace sextant::trainer {

inline constexpr double kInitialStdDev = 0.02;

// A pre-RMSNorm transformer with rotary positions, SwiGLU, no biases and an untied head.
struct ModelShape {
  int d_model = 0;          // a multiple of kHeadDim
  int layers = 0;           //
  int ffn_hidden = 0;       // width of the SwiGLU product, a multiple of 64
  int vocab = 0;            // a multiple of 8
  int sequence_length = 0;  // tokens a window

  int heads() const { return d_model / kHeadDim; }
  bool operator==(const ModelShape&) const = default;
};

// floor(8 d / 3) rounded down to a multiple of 64, at least 64: about the parameters of a 4 d GELU block.
int DefaultFfnHidden(int d_model);

// InvalidArgument naming the field, its value and the rule it breaks.
absl::Status Validate(const ModelShape& shape);

// What a tensor is, which decides its initial spread and whether weight decay applies.
enum class TensorKind { kEmbedding, kGain, kMatrix, kResidualOutput };

// One tensor of the flat vector, row-major [rows, cols].
struct Tensor {
  std::string name;
  TensorKind kind = TensorKind::kMatrix;
  size_t offset = 0;  // in elements from the start of a run's parameters
  int rows = 0;
  int cols = 0;
  size_t size() const { return static_cast<size_t>(rows) * cols; }
  bool decays() const { return kind == TensorKind::kMatrix || kind == TensorKind::kResidualOutput; }
};

// Offsets, in elements, of one block's tensors.
struct LayerOffsets {
  size_t attention_norm = 0;    // [d]
  size_t qkv = 0;               // [3 d, d]: query heads, key heads, value heads
  size_t attention_output = 0;  // [d, d]
  size_t mlp_norm = 0;          // [d]
  size_t gate_up = 0;           // [2 f, d]: gate rows, then up rows
  size_t down = 0;              // [d, f]
};

// The flat vector: embedding, blocks, final gain, head. Every offset is a multiple of 8 elements, so that
// each tensor is 16-byte aligned in bf16.
struct ParameterLayout {
  explicit ParameterLayout(const ModelShape& shape);

  size_t embedding = 0;  // [vocab, d]
  std::vector<LayerOffsets> layers;
  size_t final_norm = 0;  // [d]
  size_t head = 0;        // [vocab, d]
  size_t size = 0;
  std::vector<Tensor> tensors;  // all of them, in order
};

// Standard deviation of a tensor's initial weights; gains start at one and have none. Residual outputs are
// narrowed by sqrt(2 layers), as GPT-2 does.
double InitialStdDev(TensorKind kind, int layers);

}  // namespace sextant::trainer
