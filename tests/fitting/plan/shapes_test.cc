// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/shapes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sextant::fitting {
namespace {

// GPT-3 175B (Brown et al. 2020, table 2.1): 96 layers of width 12288, heads of 128, feed-forward of 4
// widths; 12 layers width^2 are 173.95e9, to which gains add 192 widths and one more.
TEST(Shapes, CountGpt3) {
  ShapeRequest request;
  request.params = 174e9;
  request.ff_matrices = 2;
  request.head_width = 128;
  request.vocabulary = 50257;
  request.tied_head = true;
  const ModelShape shape = CountShape(request, 96, 12288, 4 * 12288);
  EXPECT_EQ(shape.heads, 96);
  EXPECT_DOUBLE_EQ(shape.non_embedding, 12.0 * 96 * 12288 * 12288 + (2 * 96 + 1) * 12288.0);
  EXPECT_DOUBLE_EQ(shape.total - shape.non_embedding, 50257.0 * 12288);
  EXPECT_NEAR(shape.total / 175e9, 1, 0.005);
}

// Mixtral 8x7B (Jiang et al. 2024): 32 layers of width 4096, 32 heads over 8 keys of 128, 8 experts of width
// 14336, 2 of them active, vocabulary 32000: 46.7e9 parameters, 12.9e9 active.
TEST(Shapes, CountMixtral) {
  ShapeRequest request;
  request.params = 46.7e9;
  request.param_count = "total";
  request.head_width = 128;
  request.queries_per_key = 4;
  request.experts = 8;
  request.active_experts = 2;
  request.vocabulary = 32000;
  const ModelShape shape = CountShape(request, 32, 4096, 14336);
  EXPECT_EQ(shape.key_heads, 8);
  EXPECT_NEAR(shape.total / 46.7e9, 1, 0.001);
  EXPECT_NEAR((shape.active + 2 * 32000.0 * 4096) / 12.88e9, 1, 0.001);
  EXPECT_NEAR(shape.relative_distance, 0, 0.001);
}

// sextant-train's counts of d_model 128, 5 layers, bytes (docs/trainer.md): exact FLOPs are those of its
// records.
TEST(Shapes, CountTheTrainersModels) {
  ShapeRequest request;
  request.params = 1e6;
  request.vocabulary = 256;
  request.sequence_length = 128;
  const ModelShape shape = CountShape(request, 5, 128, 320);
  const double matrices = 5 * (4 * 128.0 * 128 + 3 * 128.0 * 320);
  EXPECT_DOUBLE_EQ(shape.non_embedding, matrices + 11 * 128.0);
  EXPECT_DOUBLE_EQ(shape.flops_per_token, 6 * (matrices + 256 * 128.0) + 6.0 * 5 * 128 * 128);
}

TEST(Shapes, AreWithinTheToleranceNearestFirst) {
  for (const char* counting : {"non-embedding", "non-input-embedding", "total", "active"}) {
    ShapeRequest request;
    request.params = 1.2e9;
    request.param_count = counting;
    const auto shapes = ListShapes(request);
    ASSERT_TRUE(shapes.ok()) << shapes.status();
    ASSERT_GE(shapes->size(), 3U) << counting;
    double last = 0;
    for (const ModelShape& shape : *shapes) {
      const double count = std::string(counting) == "total"           ? shape.total
                           : std::string(counting) == "active"        ? shape.active
                           : std::string(counting) == "non-embedding" ? shape.non_embedding
                                                                      : shape.non_input_embedding;
      EXPECT_NEAR(shape.relative_distance, count / 1.2e9 - 1, 1e-12);
      EXPECT_LE(std::abs(shape.relative_distance), 0.05);
      EXPECT_GE(std::floor(100 * std::abs(shape.relative_distance)), last);
      last = std::floor(100 * std::abs(shape.relative_distance));
      EXPECT_EQ(shape.width % 64, 0);
      EXPECT_EQ(shape.heads * 64, shape.width);
    }
  }
}

TEST(Shapes, RefuseByName) {
  const auto refused = [](auto change) {
    ShapeRequest request;
    request.params = 1e9;
    change(request);
    return ListShapes(request).status();
  };
  EXPECT_EQ(refused([](ShapeRequest& r) { r.params = std::nan(""); }).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused([](ShapeRequest& r) { r.active_experts = 2; }).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused([](ShapeRequest& r) { r.param_count = "all"; }).code(),
            absl::StatusCode::kInvalidArgument);
  const absl::Status none = refused([](ShapeRequest& r) {
    r.params = 2e3;
    r.head_width = 4096;
  });
  EXPECT_EQ(none.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(none.message().find("tolerance"), std::string::npos) << none;
}

}  // namespace
}  // namespace sextant::fitting
