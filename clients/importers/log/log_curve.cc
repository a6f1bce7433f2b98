// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/log_curve.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "clients/importers/limits.h"

namespace sextant::importers {
namespace {

constexpr Metric kShown[] = {Metric::kTrainLoss, Metric::kValidationLoss, Metric::kLearningRate,
                             Metric::kGradientNoiseScale};

std::vector<std::int64_t> StepsOf(NamedSeries& series) {
  std::vector<std::int64_t> steps;
  for (const Metric metric : kShown)
    steps.insert(steps.end(), series.of(metric).step.begin(), series.of(metric).step.end());
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  if (steps.size() > kMaxCurvePoints) steps.resize(kMaxCurvePoints);
  return steps;
}

// The values of `from` at `steps`, NaN between them; empty if there are none at all.
std::vector<float> ColumnAt(const std::vector<std::int64_t>& steps, const Series& from) {
  if (from.step.empty()) return {};
  std::vector<float> column(steps.size(), std::nanf(""));
  std::size_t at = 0;
  for (std::size_t i = 0; i < from.step.size(); ++i) {
    while (at < steps.size() && steps[at] < from.step[i]) ++at;
    const float narrow = static_cast<float>(from.value[i]);
    if (at < steps.size() && steps[at] == from.step[i] && std::isfinite(narrow)) column[at] = narrow;
  }
  return column;
}

}  // namespace

ImportedCurve CurveOf(NamedSeries& series, double batch_size_tokens, double sequence_length) {
  ImportedCurve curve;
  curve.step = StepsOf(series);
  const std::vector<std::int64_t>& steps = curve.step;
  if (!series.of(Metric::kTokens).step.empty()) {
    curve.tokens = TokensAt(steps, series.of(Metric::kTokens), 1);
  } else if (!series.of(Metric::kSamples).step.empty() && std::isfinite(sequence_length)) {
    curve.tokens = TokensAt(steps, series.of(Metric::kSamples), sequence_length);
  } else {
    for (const std::int64_t step : steps)
      curve.tokens.push_back(static_cast<double>(step) * batch_size_tokens);
  }
  if (std::none_of(curve.tokens.begin(), curve.tokens.end(), [](double t) { return std::isfinite(t); }))
    curve.tokens.clear();
  curve.train_loss = ColumnAt(steps, series.of(Metric::kTrainLoss));
  curve.validation_loss = ColumnAt(steps, series.of(Metric::kValidationLoss));
  curve.learning_rate = ColumnAt(steps, series.of(Metric::kLearningRate));
  curve.gradient_noise_scale = ColumnAt(steps, series.of(Metric::kGradientNoiseScale));
  return curve;
}

}  // namespace sextant::importers
