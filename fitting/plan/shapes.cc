// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/shapes.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "fitting/allocation/allocation_run.h"

namespace sextant::fitting {
namespace {

constexpr std::int64_t kMostLayers = 512, kMostWidth = 131072;
constexpr std::int64_t kFfMultiple =
    64;  // feed-forward widths are multiples of this, as matrix units like them

double InCounting(const ShapeRequest& request, const ModelShape& shape) {
  if (request.param_count == "total") return shape.total;
  if (request.param_count == "active") return shape.active;
  if (request.param_count == "non-input-embedding") return shape.non_input_embedding;
  return shape.non_embedding;
}

double FfRatio(const ShapeRequest& request) {
  if (request.ff_ratio > 0) return request.ff_ratio;
  return request.ff_matrices == 3 ? 8.0 / 3 : 4.0;
}

std::int64_t FfWidth(const ShapeRequest& request, std::int64_t width) {
  const auto multiple = std::llround(FfRatio(request) * static_cast<double>(width) / kFfMultiple);
  return std::max<std::int64_t>(1, multiple) * kFfMultiple;
}

}  // namespace

std::vector<std::string> ValidateShapeRequest(const ShapeRequest& r) {
  std::vector<std::string> problems;
  const auto within = [&](const char* field, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value < low || value > high) {
      problems.push_back(absl::StrCat(field, ": ", value, " is outside ", low, " to ", high));
    }
  };
  if (!(r.params >= 1e3 && r.params <= 1e16)) {
    problems.push_back(absl::StrCat("params: ", r.params, " is outside 1e3 to 1e16"));
  }
  if (std::find(kCountings.begin(), kCountings.end(), r.param_count) == kCountings.end()) {
    problems.push_back(
        absl::StrCat("param_count: '", r.param_count, "' is not one of ", absl::StrJoin(kCountings, ", ")));
  }
  within("vocabulary", r.vocabulary, 2, 10'000'000);
  within("sequence_length", r.sequence_length, 1, 100'000'000);
  within("head_width", r.head_width, 1, 4096);
  within("queries_per_key", r.queries_per_key, 1, 1024);
  within("ff_matrices", r.ff_matrices, 2, 3);
  within("experts", r.experts, 1, 100'000);
  within("active_experts", r.active_experts, 1, std::max<std::int64_t>(1, r.experts));
  within("shared_experts", r.shared_experts, 0, 1000);
  within("limit", r.limit, 1, 100);
  if (!(r.ff_ratio == 0 || (r.ff_ratio >= 0.01 && r.ff_ratio <= 100))) {
    problems.push_back(absl::StrCat("ff_ratio: ", r.ff_ratio, " is outside 0.01 to 100"));
  }
  if (!(r.tolerance > 0 && r.tolerance <= 1)) problems.push_back("tolerance: must be in (0, 1]");
  if (!(r.least_aspect > 0 && r.least_aspect <= r.most_aspect && r.most_aspect <= 1e5)) {
    problems.push_back("least_aspect: must be positive and no more than most_aspect, which is at most 1e5");
  }
  return problems;
}

ModelShape CountShape(const ShapeRequest& r, std::int64_t layers, std::int64_t width, std::int64_t ff_width) {
  ModelShape shape;
  shape.layers = layers;
  shape.width = width;
  shape.heads = std::max<std::int64_t>(1, width / r.head_width);
  shape.key_heads = std::max<std::int64_t>(1, shape.heads / r.queries_per_key);
  shape.ff_width = ff_width;
  const auto w = static_cast<double>(width), l = static_cast<double>(layers);
  const double attention = 2 * w * w + 2 * w * static_cast<double>(shape.key_heads * r.head_width);
  const double expert = static_cast<double>(r.ff_matrices) * w * static_cast<double>(ff_width);
  const double router = r.experts > 1 ? w * static_cast<double>(r.experts) : 0;
  const double all = static_cast<double>(r.experts + r.shared_experts);
  const double passed = static_cast<double>(r.active_experts + r.shared_experts);
  const double gains = 2 * w;
  const double embedding = static_cast<double>(r.vocabulary) * w;
  shape.non_embedding = l * (attention + all * expert + router + gains) + w;
  shape.active = l * (attention + passed * expert + router + gains) + w;
  shape.non_input_embedding = shape.non_embedding + embedding;
  shape.total = shape.non_embedding + (r.tied_head ? 1 : 2) * embedding;
  const double weights = l * (attention + passed * expert + router) + embedding;
  // Scores and values: 2 x 2 width per token and key forward, half the window in the mean, three passes.
  shape.flops_per_token = 6 * weights + 6 * l * w * static_cast<double>(r.sequence_length);
  shape.relative_distance = InCounting(r, shape) / r.params - 1;
  return shape;
}

absl::StatusOr<std::vector<ModelShape>> ListShapes(const ShapeRequest& request) {
  if (const auto problems = ValidateShapeRequest(request); !problems.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
  }
  std::vector<ModelShape> found;
  std::optional<ModelShape> nearest;
  const double usual = std::log(std::sqrt(request.least_aspect * request.most_aspect));
  for (std::int64_t layers = 1; layers <= kMostLayers; ++layers) {
    const auto least =
        static_cast<std::int64_t>(std::ceil(request.least_aspect * static_cast<double>(layers)));
    const auto most =
        std::min(kMostWidth, static_cast<std::int64_t>(request.most_aspect * static_cast<double>(layers)));
    for (std::int64_t heads =
             std::max<std::int64_t>(1, (least + request.head_width - 1) / request.head_width);
         heads * request.head_width <= most; ++heads) {
      if (heads % request.queries_per_key != 0) continue;
      const std::int64_t width = heads * request.head_width;
      const ModelShape shape = CountShape(request, layers, width, FfWidth(request, width));
      if (!nearest || std::abs(shape.relative_distance) < std::abs(nearest->relative_distance))
        nearest = shape;
      if (std::abs(shape.relative_distance) <= request.tolerance) found.push_back(shape);
      if (shape.relative_distance > request.tolerance) break;  // wider ones are larger still
    }
  }
  if (found.empty()) {
    return absl::FailedPreconditionError(
        nearest ? absl::StrFormat(
                      "tolerance: no shape lies within %.3g %% of %.4g parameters (%s); the nearest has "
                      "%d layers of width %d, %+.1f %%",
                      100 * request.tolerance, request.params, request.param_count, nearest->layers,
                      nearest->width, 100 * nearest->relative_distance)
                : std::string("least_aspect: no width that is a multiple of the head's fits these bounds"));
  }
  std::sort(found.begin(), found.end(), [usual](const ModelShape& a, const ModelShape& b) {
    const auto rank = [usual](const ModelShape& shape) {
      const double aspect = static_cast<double>(shape.width) / static_cast<double>(shape.layers);
      return std::tuple(std::floor(100 * std::abs(shape.relative_distance)),
                        std::abs(std::log(aspect) - usual), shape.layers);
    };
    return rank(a) < rank(b);
  });
  if (found.size() > static_cast<std::size_t>(request.limit)) {
    found.resize(static_cast<std::size_t>(request.limit));
  }
  return found;
}

}  // namespace sextant::fitting
