// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/reference/transformer.h"

#include <algorithm>

#include "clients/trainer/reference/ops.h"

namespace sextant::trainer::reference {

Transformer::Transformer(const ModelShape& shape, int sequences)
    : shape_(shape), layout_(shape), rows_(sequences * shape.sequence_length), blocks_(shape.layers) {
  const size_t m = rows_;
  const size_t d = shape.d_model;
  const size_t f = shape.ffn_hidden;
  for (Block& block : blocks_) {
    for (auto* buffer : {&block.input, &block.normed1, &block.attended, &block.middle, &block.normed2}) {
      buffer->resize(m * d);
    }
    block.inverse1.resize(m);
    block.inverse2.resize(m);
    block.qkv.resize(m * 3 * d);
    block.probabilities.resize(m * shape.heads() * shape.sequence_length);
    block.gate_up.resize(m * 2 * f);
    block.product.resize(m * f);
  }
  output_.resize(m * d);
  normed_.resize(m * d);
  inverse_.resize(m);
  logits_.resize(m * shape.vocab);
}

void Transformer::Forward(const std::vector<float>& parameters, const std::vector<uint16_t>& inputs,
                          const std::vector<uint16_t>& targets, const std::vector<float>& weight,
                          std::vector<float>* loss) {
  const int d = shape_.d_model;
  const int f = shape_.ffn_hidden;
  const int t = shape_.sequence_length;
  const float* w = parameters.data();
  inputs_ = inputs;
  std::vector<float> x(static_cast<size_t>(rows_) * d);
  for (int i = 0; i < rows_; ++i) {
    std::copy_n(w + layout_.embedding + static_cast<size_t>(inputs[i]) * d, d,
                x.data() + static_cast<size_t>(i) * d);
  }
  for (int l = 0; l < shape_.layers; ++l) {
    Block& block = blocks_[l];
    const LayerOffsets& at = layout_.layers[l];
    block.input = x;
    RmsNorm(x.data(), w + at.attention_norm, rows_, d, block.normed1.data(), block.inverse1.data());
    MultiplyByTranspose(block.normed1.data(), w + at.qkv, rows_, 3 * d, d, false, block.qkv.data());
    Rotate(block.qkv.data(), rows_, d, t, false);
    Attention(block.qkv.data(), rows_, d, t, block.attended.data(), block.probabilities.data());
    MultiplyByTranspose(block.attended.data(), w + at.attention_output, rows_, d, d, true, x.data());
    block.middle = x;
    RmsNorm(x.data(), w + at.mlp_norm, rows_, d, block.normed2.data(), block.inverse2.data());
    MultiplyByTranspose(block.normed2.data(), w + at.gate_up, rows_, 2 * f, d, false, block.gate_up.data());
    SwiGlu(block.gate_up.data(), rows_, f, block.product.data());
    MultiplyByTranspose(block.product.data(), w + at.down, rows_, d, f, true, x.data());
  }
  output_ = x;
  RmsNorm(x.data(), w + layout_.final_norm, rows_, d, normed_.data(), inverse_.data());
  MultiplyByTranspose(normed_.data(), w + layout_.head, rows_, shape_.vocab, d, false, logits_.data());
  loss->resize(rows_);
  CrossEntropy(targets.data(), weight.data(), rows_, shape_.vocab, logits_.data(), loss->data());
}

void Transformer::Backward(const std::vector<float>& parameters, std::vector<float>* gradient) {
  const int d = shape_.d_model;
  const int f = shape_.ffn_hidden;
  const int t = shape_.sequence_length;
  const int m = rows_;
  const float* w = parameters.data();
  gradient->assign(layout_.size, 0.0F);
  float* g = gradient->data();
  std::vector<float> dx(static_cast<size_t>(m) * d, 0.0F);
  std::vector<float> narrow(dx.size());
  std::vector<float> wide(static_cast<size_t>(m) * std::max(3 * d, 2 * f));
  std::vector<float> product(static_cast<size_t>(m) * f);

  MultiplyBackwardWeight(logits_.data(), normed_.data(), m, shape_.vocab, d, g + layout_.head);
  MultiplyBackwardInput(logits_.data(), w + layout_.head, m, shape_.vocab, d, narrow.data());
  RmsNormBackward(narrow.data(), output_.data(), w + layout_.final_norm, inverse_.data(), m, d, dx.data(),
                  g + layout_.final_norm);
  for (int l = shape_.layers - 1; l >= 0; --l) {
    const Block& block = blocks_[l];
    const LayerOffsets& at = layout_.layers[l];
    MultiplyBackwardWeight(dx.data(), block.product.data(), m, d, f, g + at.down);
    MultiplyBackwardInput(dx.data(), w + at.down, m, d, f, product.data());
    SwiGluBackward(product.data(), block.gate_up.data(), m, f, wide.data());
    MultiplyBackwardWeight(wide.data(), block.normed2.data(), m, 2 * f, d, g + at.gate_up);
    MultiplyBackwardInput(wide.data(), w + at.gate_up, m, 2 * f, d, narrow.data());
    RmsNormBackward(narrow.data(), block.middle.data(), w + at.mlp_norm, block.inverse2.data(), m, d,
                    dx.data(), g + at.mlp_norm);
    MultiplyBackwardWeight(dx.data(), block.attended.data(), m, d, d, g + at.attention_output);
    MultiplyBackwardInput(dx.data(), w + at.attention_output, m, d, d, narrow.data());
    AttentionBackward(narrow.data(), block.qkv.data(), block.probabilities.data(), m, d, t, wide.data());
    Rotate(wide.data(), m, d, t, true);
    MultiplyBackwardWeight(wide.data(), block.normed1.data(), m, 3 * d, d, g + at.qkv);
    MultiplyBackwardInput(wide.data(), w + at.qkv, m, 3 * d, d, narrow.data());
    RmsNormBackward(narrow.data(), block.input.data(), w + at.attention_norm, block.inverse1.data(), m, d,
                    dx.data(), g + at.attention_norm);
  }
  for (int i = 0; i < m; ++i) {
    for (int c = 0; c < d; ++c) {
      g[layout_.embedding + static_cast<size_t>(inputs_[i]) * d + c] += dx[static_cast<size_t>(i) * d + c];
    }
  }
}

}  // namespace sextant::trainer::reference
