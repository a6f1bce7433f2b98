// SPDX-License-Identifier: Apache-2.0
#include "storage/curve_parts.h"

#include <limits>
#include <vector>

namespace sextant::storage {
namespace {

template <typename T>
std::vector<T> Part(const std::vector<T>& column, std::size_t from, std::size_t count) {
  if (column.empty()) return {};
  const auto begin = column.begin() + static_cast<std::ptrdiff_t>(from);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

template <typename T>
void AppendColumn(const std::vector<T>& more, std::size_t from, std::size_t added, std::size_t held,
                  std::vector<T>& column) {
  if (column.empty() && more.empty()) return;
  column.resize(held, std::numeric_limits<T>::quiet_NaN());
  if (more.empty()) {
    column.resize(held + added, std::numeric_limits<T>::quiet_NaN());
  } else {
    column.insert(column.end(), more.begin() + static_cast<std::ptrdiff_t>(from), more.end());
  }
}

}  // namespace

Curve Slice(const Curve& curve, std::size_t from, std::size_t count) {
  return {Part(curve.step, from, count),          Part(curve.tokens, from, count),
          Part(curve.train_loss, from, count),    Part(curve.validation_loss, from, count),
          Part(curve.learning_rate, from, count), Part(curve.gradient_noise_scale, from, count)};
}

void Append(const Curve& more, std::size_t from, Curve& curve) {
  const std::size_t held = curve.size(), added = more.size() - from;
  curve.step.insert(curve.step.end(), more.step.begin() + static_cast<std::ptrdiff_t>(from), more.step.end());
  AppendColumn(more.tokens, from, added, held, curve.tokens);
  AppendColumn(more.train_loss, from, added, held, curve.train_loss);
  AppendColumn(more.validation_loss, from, added, held, curve.validation_loss);
  AppendColumn(more.learning_rate, from, added, held, curve.learning_rate);
  AppendColumn(more.gradient_noise_scale, from, added, held, curve.gradient_noise_scale);
}

}  // namespace sextant::storage
