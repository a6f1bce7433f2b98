// SPDX-License-Identifier: Apache-2.0
// Which logged name is which quantity. The table is data; users put entries before it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace sextant::importers {

/// What a logged series measures.
enum class Metric {
  kIgnored,
  kTrainLoss,
  kValidationLoss,
  kLearningRate,
  kGradientNoiseScale,
  kTokens,     ///< tokens processed
  kSamples,    ///< sequences consumed
  kTrainBits,  ///< bits per byte: never taken for nats
  kValidationBits,
  kTrainPerplexity,  ///< exp(nats)
  kValidationPerplexity,
  kFlops,
  kGigaflops,
};
inline constexpr std::size_t kMetrics = static_cast<std::size_t>(Metric::kGigaflops) + 1;

/// What messages and --metric call a quantity.
const char* QuantityWord(Metric metric);

/// A name that means a quantity.
struct KnownMetric {
  Metric metric = Metric::kIgnored;
  int preference = 0;  ///< of several names for one quantity the lowest is taken
};

/// A name in a table that is built in; `glob` takes * and ?.
struct MetricName {
  const char* glob;
  Metric metric;
};

/// One `--metric NAME=QUANTITY`; `glob` takes * and ?.
struct MetricRule {
  std::string glob;
  Metric metric = Metric::kIgnored;
};

/// Reads "NAME=QUANTITY". INVALID_ARGUMENT with the quantities that there are.
absl::StatusOr<MetricRule> ParseMetricRule(const std::string& text);

/// Whether `text` matches `glob`, '*' for any run of characters and '?' for one.
bool GlobMatches(std::string_view glob, std::string_view text);

/// The first matching rule of `overrides`, then of the format's own `names`, then of the common table;
/// kIgnored without one. Rules are preferred to the format's names, those to the common table, and within one
/// the first; a mean over an epoch comes behind all that is finer.
KnownMetric FindMetric(const std::vector<MetricRule>& overrides, absl::Span<const MetricName> names,
                       std::string_view name);

}  // namespace sextant::importers
