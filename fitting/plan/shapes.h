// SPDX-License-Identifier: Apache-2.0
// Feasible transformers near a number of parameters, counted exactly.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sextant::fitting {

/// A decoder: blocks of attention and feed-forward without biases, a gain before each and one at the end, an
/// input embedding and an output head.
struct ShapeRequest {
  double params = 0;
  std::string param_count = "non-embedding";  ///< one of kCountings (allocation_run.h)
  std::int64_t vocabulary = 50304;
  bool tied_head = false;
  std::int64_t sequence_length = 2048;
  std::int64_t head_width = 64;
  std::int64_t queries_per_key = 1;
  std::int64_t ff_matrices = 3;  ///< 3: gated; 2: not
  double ff_ratio = 0;           ///< width of a feed-forward block over the model's; 0: 8/3 gated, 4 not
  std::int64_t experts = 1, active_experts = 1, shared_experts = 0;
  double tolerance = 0.05;                      ///< largest relative distance
  double least_aspect = 32, most_aspect = 192;  ///< width over layers
  std::int64_t limit = 10;
};

/// Every problem of the request as "field: what is wrong".
std::vector<std::string> ValidateShapeRequest(const ShapeRequest& request);

struct ModelShape {
  std::int64_t layers = 0, width = 0, heads = 0, key_heads = 0, ff_width = 0;
  double non_embedding = 0, non_input_embedding = 0, total = 0;
  double active = 0;  ///< of the non-embedding ones, those that one token passes
  double flops_per_token =
      0;  ///< of training: 6 per active weight and head weight, attention in a causal window
  double relative_distance = 0;
};

/// One shape's counts. `layers`, `width` and `ff_width` are positive.
ModelShape CountShape(const ShapeRequest& request, std::int64_t layers, std::int64_t width,
                      std::int64_t ff_width);

/// The shapes within the tolerance, nearest first by whole per cents, then by how usual their width over
/// layers is. InvalidArgument; FailedPrecondition, naming the nearest one, when there is none.
absl::StatusOr<std::vector<ModelShape>> ListShapes(const ShapeRequest& request);

}  // namespace sextant::fitting
