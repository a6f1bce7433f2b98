// SPDX-License-Identifier: Apache-2.0
// A whole forward and backward pass in fp32: the reference for the CUDA step.
#pragma once

#include <cstdint>
#include <vector>

#include "clients/trainer/model/shape.h"

namespace sextant::trainer::reference {

// Holds the activations of one batch between Forward and Backward. Not thread-safe.
class Transformer {
 public:
  Transformer(const ModelShape& shape, int sequences);

  // inputs, targets and loss are [sequences, sequence_length]; weight scales each position's loss in the
  // gradient that Backward uses. loss is in nats.
  void Forward(const std::vector<float>& parameters, const std::vector<uint16_t>& inputs,
               const std::vector<uint16_t>& targets, const std::vector<float>& weight,
               std::vector<float>* loss);
  // Gradient of sum(weight * loss) of the last Forward; overwrites `gradient` (ParameterLayout order).
  void Backward(const std::vector<float>& parameters, std::vector<float>* gradient);

 private:
  struct Block {
    std::vector<float> input, normed1, inverse1, qkv, probabilities, attended;
    std::vector<float> middle, normed2, inverse2, gate_up, product;
  };

  ModelShape shape_;
  ParameterLayout layout_;
  int rows_;
  std::vector<Block> blocks_;
  std::vector<uint16_t> inputs_;
  std::vector<float> output_, normed_, inverse_, logits_;
};

}  // namespace sextant::trainer::reference
