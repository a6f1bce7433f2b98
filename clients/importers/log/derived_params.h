// SPDX-License-Identifier: Apache-2.0
// Parameter counts that a model's configuration determines.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace sextant::importers {

struct DerivedParams {
  double total = 0;
  double non_embedding =
      0;             ///< without token and position embeddings, and without an output layer of its own
  std::string from;  ///< the family whose formula it is: "llama", "megatron", …
};

/// Counts the weights of a transformer by its settings: Hugging Face's config of gpt2, gpt_neox, llama,
/// mistral, qwen2 and qwen3, nanoGPT's, or the arguments of Megatron-LM. Absent unless the settings determine
/// the count: for other models, mixtures of experts, and where a size is not stated.
std::optional<DerivedParams> DeriveParams(const std::map<std::string, std::string>& settings);

}  // namespace sextant::importers
