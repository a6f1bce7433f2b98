// SPDX-License-Identifier: Apache-2.0
#include "server/convert/curve.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <limits>
#include <string>

namespace sextant::server {
namespace {

template <typename T, typename Field>
void CopyPart(const std::vector<T>& column, std::size_t from, std::size_t count, Field& field) {
  if (column.empty()) return;
  field.Add(column.begin() + static_cast<std::ptrdiff_t>(from),
            column.begin() + static_cast<std::ptrdiff_t>(from + count));
}

// Whole columns are checked without a branch a value: at tens of millions of points a second that counts.
template <typename T>
bool AllFinite(const T* values, std::size_t count) {
  int finite = 1;
  for (std::size_t i = 0; i < count; ++i) finite &= std::abs(values[i]) <= std::numeric_limits<T>::max();
  return finite != 0;
}

template <typename T>
bool AllRise(const T* values, std::size_t count, T least, bool strictly) {
  int rise = count == 0 || values[0] >= least;
  if (strictly) {
    for (std::size_t i = 1; i < count; ++i) rise &= values[i] > values[i - 1];
  } else {
    for (std::size_t i = 1; i < count; ++i) rise &= values[i] >= values[i - 1];
  }
  return rise != 0;
}

template <typename T>
std::span<const T> ReadColumn(const char* name, google::protobuf::RepeatedField<T>& field, std::size_t points,
                              std::vector<FieldViolation>& violations) {
  const auto count = static_cast<std::size_t>(field.size());
  if (count == 0) return {};
  if (count != points) {
    violations.push_back(
        {absl::StrCat("curve.", name),
         absl::StrCat(count, " values for ", points, " steps; leave unmeasured columns empty")});
    return {};
  }
  if (!AllFinite(field.data(), count)) {
    for (T& value : field) {
      if (!std::isfinite(value)) value = std::numeric_limits<T>::quiet_NaN();
    }
  }
  return {field.data(), count};
}

}  // namespace

void CurveToProto(const storage::Curve& curve, std::size_t from, std::size_t count, v1::Curve& message) {
  CopyPart(curve.step, from, count, *message.mutable_step());
  CopyPart(curve.tokens, from, count, *message.mutable_tokens());
  CopyPart(curve.train_loss, from, count, *message.mutable_train_loss());
  CopyPart(curve.validation_loss, from, count, *message.mutable_validation_loss());
  CopyPart(curve.learning_rate, from, count, *message.mutable_learning_rate());
  CopyPart(curve.gradient_noise_scale, from, count, *message.mutable_gradient_noise_scale());
}

storage::CurveView CurveFromProto(v1::Curve& message, std::vector<FieldViolation>& violations) {
  storage::CurveView curve;
  const auto points = static_cast<std::size_t>(message.step_size());
  curve.step = {message.step().data(), points};
  const bool steps_rise = AllRise<std::int64_t>(curve.step.data(), points, 0, true);
  for (std::size_t i = 0; !steps_rise && i < points; ++i) {
    if (curve.step[i] >= 0 && (i == 0 || curve.step[i] > curve.step[i - 1])) continue;
    violations.push_back({"curve.step", absl::StrCat("value ", i + 1, " is ", curve.step[i],
                                                     ": steps count completed updates and must rise")});
    break;
  }
  curve.tokens = ReadColumn("tokens", *message.mutable_tokens(), points, violations);
  double before = 0;
  const bool tokens_rise = AllRise<double>(curve.tokens.data(), curve.tokens.size(), 0, false);
  for (std::size_t i = 0; !tokens_rise && i < curve.tokens.size(); ++i) {
    if (std::isnan(curve.tokens[i])) continue;
    if (curve.tokens[i] < before) {
      violations.push_back(
          {"curve.tokens", absl::StrCat("value ", i + 1, " is below the one before it, or negative")});
      break;
    }
    before = curve.tokens[i];
  }
  curve.train_loss = ReadColumn("train_loss", *message.mutable_train_loss(), points, violations);
  curve.validation_loss =
      ReadColumn("validation_loss", *message.mutable_validation_loss(), points, violations);
  curve.learning_rate = ReadColumn("learning_rate", *message.mutable_learning_rate(), points, violations);
  curve.gradient_noise_scale =
      ReadColumn("gradient_noise_scale", *message.mutable_gradient_noise_scale(), points, violations);
  return curve;
}

}  // namespace sextant::server
