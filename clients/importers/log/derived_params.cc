// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/derived_params.h"

#include <cmath>

#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

using Settings = std::map<std::string, std::string>;

class Reader {
 public:
  explicit Reader(const Settings& settings) : settings_(settings) {}

  /// A size that must be stated; `complete` becomes false without it.
  double Size(const char* key) {
    const std::optional<double> value = Stated(key);
    complete_ &= value.has_value();
    return value.value_or(0);
  }
  double SizeOr(const char* key, double otherwise) const { return Stated(key).value_or(otherwise); }
  bool Flag(const char* key, bool otherwise) const {
    const auto found = settings_.find(key);
    if (found == settings_.end()) return otherwise;
    const std::string word = ToLower(found->second);
    if (word == "true" || word == "1" || word == "1.0") return true;
    return word == "false" || word == "0" || word == "none" || word == "null" ? false : otherwise;
  }
  std::string Word(const char* key) const {
    const auto found = settings_.find(key);
    return found == settings_.end() ? std::string() : found->second;
  }
  bool Has(const char* key) const { return Stated(key).has_value(); }
  bool complete() const { return complete_; }

 private:
  std::optional<double> Stated(const char* key) const {
    const auto found = settings_.find(key);
    const auto value = found == settings_.end() ? std::nullopt : ParseDouble(found->second);
    return value && *value >= 1 && *value == std::floor(*value) && *value < 1e15 ? value : std::nullopt;
  }

  const Settings& settings_;
  bool complete_ = true;
};

struct Sizes {
  double layers, hidden, inner, heads, key_heads, head, vocabulary, positions;
};

// GPT-2's layers: fused attention of four matrices, two of the block behind it, two norms of weight and bias.
double Gpt2Layers(const Sizes& s, bool bias) {
  const double h = s.hidden, f = s.inner, b = bias ? 1 : 0;
  const double attention = 4 * h * h + b * 4 * h, block = 2 * h * f + b * (f + h), norms = 2 * (h + b * h);
  return s.layers * (attention + block + norms) + h + b * h;  // and the last norm
}

// Llama's layers: separate projections with fewer heads of keys and values, a gated block, norms of weights
// alone.
double LlamaLayers(const Sizes& s, bool projection_bias, bool head_norms) {
  const double h = s.hidden, q = s.heads * s.head, kv = s.key_heads * s.head;
  double layer = h * q + 2 * h * kv + q * h + 3 * h * s.inner + 2 * h;
  if (projection_bias) layer += q + 2 * kv;
  if (head_norms) layer += 2 * s.head;
  return s.layers * layer + h;
}

std::optional<DerivedParams> OfGpt2(Reader read) {
  Sizes s{};
  s.layers = read.Size("n_layer");
  s.hidden = read.Size("n_embd");
  s.vocabulary = read.Size("vocab_size");
  // nanoGPT states its window as block_size, and may leave biases out.
  s.positions = read.Has("block_size") ? read.Size("block_size") : read.Size("n_positions");
  s.inner = read.SizeOr("n_inner", 4 * s.hidden);
  if (!read.complete()) return std::nullopt;
  const bool bias = !read.Has("block_size") || read.Flag("bias", true);
  const double layers = Gpt2Layers(s, bias);
  return DerivedParams{layers + (s.vocabulary + s.positions) * s.hidden, layers, "gpt2"};
}

std::optional<DerivedParams> OfHuggingFace(const std::string& family, Reader read) {
  if (read.SizeOr("num_experts", 1) > 1 || read.SizeOr("num_local_experts", 1) > 1) return std::nullopt;
  Sizes s{};
  s.layers = read.Size("num_hidden_layers");
  s.hidden = read.Size("hidden_size");
  s.inner = read.Size("intermediate_size");
  s.heads = read.Size("num_attention_heads");
  s.vocabulary = read.Size("vocab_size");
  if (!read.complete()) return std::nullopt;
  s.key_heads = read.SizeOr("num_key_value_heads", s.heads);
  s.head = read.SizeOr("head_dim", s.hidden / s.heads);
  const bool tied = read.Flag("tie_word_embeddings", false);
  double layers = 0;
  if (family == "gpt_neox") {
    layers = Gpt2Layers(s, true);
  } else if (family == "llama" || family == "mistral") {
    if (read.Flag("attention_bias", false) || read.Flag("mlp_bias", false)) return std::nullopt;
    layers = LlamaLayers(s, false, false);
  } else if (family == "qwen2") {
    layers = LlamaLayers(s, true, false);
  } else if (family == "qwen3") {
    if (read.Flag("attention_bias", false)) return std::nullopt;
    layers = LlamaLayers(s, false, true);
  } else {
    return std::nullopt;
  }
  return DerivedParams{layers + (tied ? 1 : 2) * s.vocabulary * s.hidden, layers, family};
}

// Megatron's GPT in its plain form; the vocabulary is the one padded for the ranks.
std::optional<DerivedParams> OfMegatron(Reader read) {
  const bool plain = read.SizeOr("num_experts", 1) <= 1 && !read.Flag("swiglu", false) &&
                     !read.Flag("group_query_attention", false) &&
                     !read.Flag("multi_latent_attention", false) && read.Flag("add_bias_linear", true) &&
                     !read.Flag("disable_bias_linear", false) &&
                     (read.Word("normalization").empty() || read.Word("normalization") == "LayerNorm");
  const std::string position = read.Word("position_embedding_type");
  const bool learned = position.empty() || position == "learned_absolute" ||
                       position == "PositionEmbeddingType.absolute" || position == "absolute";
  const bool rotary = position == "rope";
  if (!plain || (!learned && !rotary)) return std::nullopt;
  Sizes s{};
  s.layers = read.Size("num_layers");
  s.hidden = read.Size("hidden_size");
  s.vocabulary = read.Size("padded_vocab_size");
  s.positions = learned ? read.Size("max_position_embeddings") : 0;
  s.inner = read.SizeOr("ffn_hidden_size", 4 * s.hidden);
  if (!read.complete()) return std::nullopt;
  const double layers = Gpt2Layers(s, true);
  const double head = read.Flag("untie_embeddings_and_output_weights", false) ? s.vocabulary * s.hidden : 0;
  return DerivedParams{layers + (s.vocabulary + s.positions) * s.hidden + head, layers, "megatron"};
}

}  // namespace

std::optional<DerivedParams> DeriveParams(const Settings& settings) {
  const Reader read(settings);
  const std::string family = read.Word("model_type");
  if (family == "gpt2" || (family.empty() && read.Has("n_embd"))) return OfGpt2(read);
  // Megatron has a setting of that name too, and no family in it.
  if (read.Has("num_layers") && read.Has("padded_vocab_size")) return OfMegatron(read);
  return OfHuggingFace(family, read);
}

}  // namespace sextant::importers
