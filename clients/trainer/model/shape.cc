// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/model/shape.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>

namespace sextant::trainer {
namespace {

absl::Status Refuse(const char* field, int value, const char* rule) {
  return absl::InvalidArgumentError(absl::StrCat(field, " = ", value, ": ", rule));
}

}  // namespace

int DefaultFfnHidden(int d_model) { return std::max(64, 8 * d_model / 3 / 64 * 64); }

absl::Status Validate(const ModelShape& shape) {
  if (shape.d_model < kHeadDim || shape.d_model > 2048 || shape.d_model % kHeadDim != 0) {
    return Refuse("d_model", shape.d_model, "must be a multiple of 64 (the head dimension) from 64 to 2048");
  }
  if (shape.layers < 1 || shape.layers > 128) return Refuse("layers", shape.layers, "must be 1 to 128");
  if (shape.ffn_hidden < 64 || shape.ffn_hidden > 16384 || shape.ffn_hidden % 64 != 0) {
    return Refuse("ffn_hidden", shape.ffn_hidden, "must be a multiple of 64 from 64 to 16384");
  }
  if (shape.vocab < 8 || shape.vocab > 65536 || shape.vocab % 8 != 0) {
    return Refuse("vocab", shape.vocab, "must be a multiple of 8 from 8 to 65536");
  }
  if (shape.sequence_length < 2 || shape.sequence_length > 4096) {
    return Refuse("sequence_length", shape.sequence_length, "must be 2 to 4096");
  }
  return absl::OkStatus();
}

ParameterLayout::ParameterLayout(const ModelShape& shape) : layers(shape.layers) {
  const int d = shape.d_model;
  auto add = [this](std::string name, TensorKind kind, int rows, int cols) {
    tensors.push_back({std::move(name), kind, size, rows, cols});
    size += tensors.back().size();
    return tensors.back().offset;
  };
  embedding = add("embedding", TensorKind::kEmbedding, shape.vocab, d);
  for (int l = 0; l < shape.layers; ++l) {
    const std::string prefix = absl::StrCat("layer", l, ".");
    LayerOffsets& at = layers[l];
    at.attention_norm = add(prefix + "attention_norm", TensorKind::kGain, 1, d);
    at.qkv = add(prefix + "qkv", TensorKind::kMatrix, 3 * d, d);
    at.attention_output = add(prefix + "attention_output", TensorKind::kResidualOutput, d, d);
    at.mlp_norm = add(prefix + "mlp_norm", TensorKind::kGain, 1, d);
    at.gate_up = add(prefix + "gate_up", TensorKind::kMatrix, 2 * shape.ffn_hidden, d);
    at.down = add(prefix + "down", TensorKind::kResidualOutput, d, shape.ffn_hidden);
  }
  final_norm = add("final_norm", TensorKind::kGain, 1, d);
  head = add("head", TensorKind::kMatrix, shape.vocab, d);
}

double InitialStdDev(TensorKind kind, int layers) {
  if (kind == TensorKind::kGain) return 0;
  if (kind == TensorKind::kResidualOutput) return kInitialStdDev / std::sqrt(2.0 * layers);
  return kInitialStdDev;
}

}  // namespace sextant::trainer
