// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/surface_parameters.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "fitting/optimum/form_spread.h"

namespace sextant::fitting::optimum {
namespace {

/// Any of the laws written as log_c + a ln N + b ln D.
std::array<double, 3> InParamsAndTokens(LawVariables variables, const LawParameters& law) {
  const double at_origin = EvaluateLogLaw(variables, law.data(), 0, 0);
  return {at_origin, EvaluateLogLaw(variables, law.data(), 1, 0) - at_origin,
          EvaluateLogLaw(variables, law.data(), 0, 1) - at_origin};
}

}  // namespace

std::vector<std::string> SurfaceRowNames(const OptimumOptions& options, Axes axes) {
  std::vector<std::string> names = LawParameterNames(options.variables);
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? axes.rate : axes.batch) {
      for (const char* name : {"log_c", "a", "b"}) {
        names.push_back(absl::StrCat(axis == 0 ? "surface.rate." : "surface.batch.", name));
      }
    }
  }
  for (int i = 0; i < Bowl::kShape; ++i) {
    names.push_back(absl::StrCat("surface.bowl.", i));
  }
  for (const char* name : {"drift.params", "drift.tokens", "centre.log_params", "centre.log_tokens"}) {
    names.push_back(absl::StrCat("surface.", name));
  }
  for (const char* prefix : {"bend.", "partner_bend."}) {
    if (prefix[0] == 'p' && !(axes.rate && axes.batch)) {
      continue;
    }
    for (const char* name : {"11", "12", "22", "centre.1", "centre.2"}) {
      names.push_back(absl::StrCat(prefix, name));
    }
  }
  for (const char* name : {"beyond.params", "beyond.tokens"}) {
    names.push_back(name);
  }
  if (axes.rate && axes.batch) {
    for (const char* name : {"partner_beyond.params", "partner_beyond.tokens", "partner_offset"}) {
      names.push_back(name);
    }
  }
  names.push_back("offset");
  return names;
}

void WriteSurfaceRow(const OptimumOptions& options, const RegretLaws& law, const RegretLaws& centre,
                     const JointSurface& surface, Axes axes, const std::array<Bend, 2>& bend,
                     const Eigen::Vector2d& offset, double* row) {
  const bool for_rate = options.target == OptimumTarget::kLearningRate;
  const LawParameters& target = for_rate ? law.rate : law.batch;
  row = std::copy_n(target.begin(), LawParameterNames(options.variables).size(), row);
  if (axes.rate) {
    const std::array<double, 3> rate = InParamsAndTokens(centre.rate_variables, centre.rate);
    row = std::copy(rate.begin(), rate.end(), row);
  }
  if (axes.batch) {
    const std::array<double, 3> batch = InParamsAndTokens(centre.batch_variables, centre.batch);
    row = std::copy(batch.begin(), batch.end(), row);
  }
  row = std::copy(surface.parameters.begin() + 6, surface.parameters.end(), row);
  *row++ = surface.log_params_centre;
  *row++ = surface.log_tokens_centre;
  const auto write_bend = [&row](const Bend& written) {
    row = std::copy(written.quadratic.begin(), written.quadratic.end(), row);
    row = std::copy(written.centre.begin(), written.centre.end(), row);
  };
  write_bend(bend[for_rate ? 0 : 1]);
  if (axes.rate && axes.batch) {
    write_bend(bend[for_rate ? 1 : 0]);
  }
  row = std::fill_n(row, axes.rate && axes.batch ? 4 : 2, 0.0);
  if (axes.rate && axes.batch) {
    *row++ = offset[for_rate ? 1 : 0];
  }
  *row = offset[for_rate ? 0 : 1];
}

std::optional<std::size_t> BendColumn(const OptimumModel& fit) {
  const auto it = std::find(fit.parameter_names.begin(), fit.parameter_names.end(), "bend.11");
  if (it == fit.parameter_names.end() || fit.parameter_names.end() - it < kBendColumns) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(it - fit.parameter_names.begin());
}

Bend ReadBend(const double* columns) {
  return {{columns[0], columns[1], columns[2]}, {columns[3], columns[4]}};
}

std::optional<std::size_t> BeyondColumn(const OptimumModel& fit) {
  const auto it = std::find(fit.parameter_names.begin(), fit.parameter_names.end(), "beyond.params");
  if (it == fit.parameter_names.end() || fit.parameter_names.end() - it < 2) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(it - fit.parameter_names.begin());
}

std::optional<SurfaceReader> SurfaceReader::Make(const OptimumModel& fit) {
  const auto find = [&fit](const std::string& name) {
    return static_cast<std::size_t>(std::find(fit.parameter_names.begin(), fit.parameter_names.end(), name) -
                                    fit.parameter_names.begin());
  };
  const std::size_t missing = fit.parameter_names.size();
  SurfaceReader reader;
  reader.target_ = fit.target;
  reader.rate_ = find("surface.rate.log_c");
  reader.batch_ = find("surface.batch.log_c");
  reader.bowl_ = find("surface.bowl.0");
  reader.drift_ = find("surface.drift.params");
  reader.centre_ = find("surface.centre.log_params");
  // Fits of earlier versions and of estimators of straight laws have none.
  const auto find_bend = [&](const char* first) -> std::optional<std::size_t> {
    const std::size_t at = find(first);
    return at + kBendColumns <= missing ? std::optional(at) : std::nullopt;
  };
  reader.bend_ = find_bend("bend.11");
  reader.partner_bend_ = find_bend("partner_bend.11");
  const auto find_beyond = [&](const char* first) -> std::optional<std::size_t> {
    const std::size_t at = find(first);
    return at + 2 <= missing ? std::optional(at) : std::nullopt;
  };
  reader.beyond_ = find_beyond("beyond.params");
  reader.partner_beyond_ = find_beyond("partner_beyond.params");
  reader.params_ = fit.params;
  reader.tokens_ = fit.tokens;
  reader.variables_ = fit.variables;
  reader.partner_offset_ = find("partner_offset");
  reader.offset_ = find("offset");
  reader.axes_.rate = reader.rate_ + 3 <= missing;
  reader.axes_.batch = reader.batch_ + 3 <= missing;
  if (reader.bowl_ + Bowl::kShape > missing || reader.drift_ + 2 > missing || reader.centre_ + 2 > missing ||
      reader.offset_ == missing ||
      (reader.axes_.rate && reader.axes_.batch && reader.partner_offset_ == missing)) {
    return std::nullopt;
  }
  return reader;
}

Eigen::Vector2d SurfaceReader::Centre(const double* row, double log_params, double log_tokens) const {
  Eigen::Vector2d centre = Eigen::Vector2d::Zero();
  const double params_beyond = BeyondRange(params_, log_params);
  const double tokens_beyond = BeyondRange(tokens_, log_tokens);
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? axes_.rate : axes_.batch) {
      const double* law = row + (axis == 0 ? rate_ : batch_);
      const bool is_target = (axis == 0) == (target_ == OptimumTarget::kLearningRate);
      centre[axis] =
          law[0] + law[1] * log_params + law[2] * log_tokens + row[is_target ? offset_ : partner_offset_];
      if (const std::optional<std::size_t> bend = is_target ? bend_ : partner_bend_) {
        centre[axis] += ReadBend(row + *bend)
                            .Value(LawLogVariables(is_target ? variables_ : LawVariables::kParamsTokens,
                                                   log_params, log_tokens));
      }
      if (const std::optional<std::size_t> beyond = is_target ? beyond_ : partner_beyond_) {
        centre[axis] += row[*beyond] * params_beyond + row[*beyond + 1] * tokens_beyond;
      }
    }
  }
  return centre;
}

Bowl SurfaceReader::BowlAt(const double* row, double log_params, double log_tokens) const {
  Bowl bowl;
  std::copy_n(row + bowl_, Bowl::kShape, bowl.shape.begin());
  bowl.amplitude =
      std::exp(row[drift_] * (log_params - row[centre_]) + row[drift_ + 1] * (log_tokens - row[centre_ + 1]));
  return bowl;
}

}  // namespace sextant::fitting::optimum
