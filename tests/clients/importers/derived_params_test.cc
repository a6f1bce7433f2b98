// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/derived_params.h"

#include <gtest/gtest.h>

#include "tests/clients/importers/import_fixture.h"

namespace sextant::importers {
namespace {

using Settings = std::map<std::string, std::string>;

Settings Llama(const char* family, const char* hidden, const char* layers, const char* heads,
               const char* key_heads, const char* inner, const char* vocabulary) {
  return {{"model_type", family},
          {"hidden_size", hidden},
          {"num_hidden_layers", layers},
          {"num_attention_heads", heads},
          {"num_key_value_heads", key_heads},
          {"intermediate_size", inner},
          {"vocab_size", vocabulary}};
}

// The counts that the models' publishers state, to the last weight.
TEST(DeriveParams, CountsPublishedModelsExactly) {
  const auto total = [](const Settings& settings) {
    return DeriveParams(settings).value_or(DerivedParams()).total;
  };
  EXPECT_EQ(total({{"model_type", "gpt2"},
                   {"n_layer", "12"},
                   {"n_embd", "768"},
                   {"n_positions", "1024"},
                   {"vocab_size", "50257"}}),
            124439808);
  EXPECT_EQ(total(Llama("llama", "4096", "32", "32", "32", "11008", "32000")), 6738415616);   // Llama 2 7B
  EXPECT_EQ(total(Llama("llama", "4096", "32", "32", "8", "14336", "128256")), 8030261248);   // Llama 3 8B
  EXPECT_EQ(total(Llama("mistral", "4096", "32", "32", "8", "14336", "32000")), 7241732096);  // Mistral 7B
  Settings qwen2 = Llama("qwen2", "896", "24", "14", "2", "4864", "151936");
  qwen2["tie_word_embeddings"] = "true";
  EXPECT_EQ(total(qwen2), 494032768);  // Qwen2 0.5B
  Settings qwen3 = Llama("qwen3", "1024", "28", "16", "8", "3072", "151936");
  qwen3["tie_word_embeddings"] = "true";
  qwen3["head_dim"] = "128";
  EXPECT_EQ(total(qwen3), 596049920);                                                    // Qwen3 0.6B
  EXPECT_EQ(total(Llama("gpt_neox", "512", "6", "8", "8", "2048", "50304")), 70426624);  // Pythia 70M
}

TEST(DeriveParams, LeavesEmbeddingsOutOfTheNonEmbeddingCount) {
  const auto derived = DeriveParams(Llama("gpt_neox", "512", "6", "8", "8", "2048", "50304"));
  ASSERT_TRUE(derived.has_value());
  EXPECT_EQ(derived->non_embedding, 18915328);  // as Pythia's authors state it
}

TEST(DeriveParams, SaysNothingOfWhatTheSettingsDoNotDetermine) {
  Settings no_vocabulary = Llama("llama", "4096", "32", "32", "32", "11008", "32000");
  no_vocabulary.erase("vocab_size");
  EXPECT_FALSE(DeriveParams(no_vocabulary).has_value());
  Settings experts = Llama("mistral", "4096", "32", "32", "8", "14336", "32000");
  experts["num_local_experts"] = "8";
  EXPECT_FALSE(DeriveParams(experts).has_value());
  EXPECT_FALSE(DeriveParams(Llama("bloom", "4096", "32", "32", "8", "14336", "32000")).has_value());
  EXPECT_FALSE(DeriveParams({}).has_value());
}

using DerivedParamsImportTest = ImportTest;

TEST_F(DerivedParamsImportTest, AConfigNextToATrainerStateCountsAndIsMarked) {
  Set("batch_size_tokens=1000");
  Write("run/config.json",
        R"({"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_positions": 1024, "vocab_size": 50257})");
  const std::string state = Write(
      "run/trainer_state.json",
      R"({"global_step": 10, "max_steps": 10, "log_history": [{"step": 10, "loss": 4.5, "learning_rate": 0.001}]})");
  const auto found = ExpandInputs({state});
  ASSERT_TRUE(found.ok());
  ASSERT_TRUE(ImportInput(found->inputs[0], options_, sink_).ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_EQ(sink_.runs[0].params_total, 124439808);
  EXPECT_EQ(sink_.runs[0].params_non_embedding, 124439808 - (50257 + 1024) * 768);
  EXPECT_THAT(sink_.runs[0].labels, ::testing::Contains("params-derived"));
}

TEST_F(DerivedParamsImportTest, WhatTheUserSaysGoesBeforeTheConfig) {
  Set("params_total=5e6");
  Set("batch_size_tokens=1000");
  const ImportedRun run = Only("a.jsonl",
                               R"({"step": 1, "loss": 4.5, "config": {"model_type": "gpt2", "n_layer": 12, )"
                               R"("n_embd": 768, "n_positions": 1024, "vocab_size": 50257}})"
                               "\n",
                               "history-jsonl");
  EXPECT_EQ(run.params_total, 5e6);
  EXPECT_FALSE(run.params_non_embedding.has_value());
}

}  // namespace
}  // namespace sextant::importers
