// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/curve_builder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "clients/importers/limits.h"

namespace sextant::importers {
namespace {

float Finite(float value) { return std::isfinite(value) ? value : CurvePoint::kMissing; }

template <class T>
void DropIfEmpty(std::vector<T>* column) {
  if (std::none_of(column->begin(), column->end(), [](T value) { return !std::isnan(value); }))
    column->clear();
}

// Whether `fresh` has a value where `old` has one too.
bool Overlaps(const ImportedCurve& curve, std::size_t at, const CurvePoint& fresh) {
  const auto both = [](float old, float value) { return !std::isnan(old) && !std::isnan(value); };
  return both(curve.train_loss[at], fresh.train_loss) ||
         both(curve.validation_loss[at], fresh.validation_loss) ||
         both(curve.learning_rate[at], fresh.learning_rate) ||
         both(curve.gradient_noise_scale[at], fresh.gradient_noise_scale);
}

}  // namespace

void CurveBuilder::Truncate(std::int64_t step) {
  const auto keep = static_cast<std::size_t>(std::lower_bound(curve_.step.begin(), curve_.step.end(), step) -
                                             curve_.step.begin());
  superseded_ += static_cast<std::int64_t>(curve_.size() - keep);
  curve_.step.resize(keep);
  curve_.tokens.resize(keep);
  for (auto* column :
       {&curve_.train_loss, &curve_.validation_loss, &curve_.learning_rate, &curve_.gradient_noise_scale}) {
    column->resize(keep);
  }
}

bool CurveBuilder::Add(const CurvePoint& point) {
  if (!curve_.step.empty() && point.step == curve_.step.back() &&
      !Overlaps(curve_, curve_.size() - 1, point)) {
    const auto fill = [](auto* column, auto value) {
      if (std::isnan(column->back())) column->back() = value;
    };
    fill(&curve_.tokens, point.tokens);
    fill(&curve_.train_loss, Finite(point.train_loss));
    fill(&curve_.validation_loss, Finite(point.validation_loss));
    fill(&curve_.learning_rate, Finite(point.learning_rate));
    fill(&curve_.gradient_noise_scale, Finite(point.gradient_noise_scale));
    return true;
  }
  if (!curve_.step.empty() && point.step <= curve_.step.back()) Truncate(point.step);
  if (curve_.size() >= kMaxCurvePoints) return false;
  curve_.step.push_back(point.step);
  curve_.tokens.push_back(std::isfinite(point.tokens) ? point.tokens : std::nan(""));
  curve_.train_loss.push_back(Finite(point.train_loss));
  curve_.validation_loss.push_back(Finite(point.validation_loss));
  curve_.learning_rate.push_back(Finite(point.learning_rate));
  curve_.gradient_noise_scale.push_back(Finite(point.gradient_noise_scale));
  return true;
}

ImportedCurve CurveBuilder::Build(double batch_size_tokens) {
  ImportedCurve curve = std::exchange(curve_, ImportedCurve());
  if (std::isfinite(batch_size_tokens)) {
    for (std::size_t i = 0; i < curve.size(); ++i) {
      if (std::isnan(curve.tokens[i]))
        curve.tokens[i] = static_cast<double>(curve.step[i]) * batch_size_tokens;
    }
  }
  DropIfEmpty(&curve.tokens);
  for (auto* column :
       {&curve.train_loss, &curve.validation_loss, &curve.learning_rate, &curve.gradient_noise_scale}) {
    DropIfEmpty(column);
  }
  return curve;
}

}  // namespace sextant::importers
