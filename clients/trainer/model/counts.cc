// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/model/counts.h"

namespace sextant::trainer {

ParameterCounts CountParameters(const ModelShape& shape) {
  ParameterCounts counts;
  for (const Tensor& tensor : ParameterLayout(shape).tensors) {
    const auto size = static_cast<int64_t>(tensor.size());
    counts.total += size;
    if (tensor.decays()) counts.matrices += size;
    if (tensor.name == "embedding") {
      counts.embedding = size;
    } else if (tensor.name == "head") {
      counts.head = size;
    } else {
      counts.non_embedding += size;
    }
  }
  return counts;
}

FlopsPerToken CountFlopsPerToken(const ModelShape& shape) {
  const ParameterCounts counts = CountParameters(shape);
  FlopsPerToken flops;
  flops.six_n_non_embedding = 6.0 * static_cast<double>(counts.non_embedding);
  flops.six_n_total = 6.0 * static_cast<double>(counts.total);
  flops.matrices = 6.0 * static_cast<double>(counts.matrices);
  flops.attention_causal = 6.0 * shape.layers * shape.sequence_length * shape.d_model;
  flops.attention_full = 2 * flops.attention_causal;
  return flops;
}

}  // namespace sextant::trainer
