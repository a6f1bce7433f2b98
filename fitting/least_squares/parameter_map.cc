// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/parameter_map.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"

namespace sextant::fitting::solve {
namespace {

absl::Status CheckNames(const LawSpec& spec, const std::string& name, const char* what) {
  for (const ParameterSpec& parameter : spec.parameters) {
    if (parameter.name == name) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(what, " names '", name, "', which law '", spec.id, "' does not have"));
}

}  // namespace

absl::StatusOr<ParameterMap> ParameterMap::Make(const LawSpec& spec,
                                                const std::map<std::string, Range>& bounds,
                                                const std::map<std::string, double>& fixed) {
  for (const auto& [name, range] : bounds) {
    RETURN_IF_ERROR(CheckNames(spec, name, "a bound"));
    if (!(range.low < range.high)) {
      return absl::InvalidArgumentError(absl::StrCat("the bounds of '", name, "' hold no value: ", range.low,
                                                     " to ", range.high,
                                                     "; to hold it at one value, fix it"));
    }
  }
  for (const auto& [name, value] : fixed) {
    RETURN_IF_ERROR(CheckNames(spec, name, "a fixed value"));
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(absl::StrCat("the fixed value of '", name, "' is not finite"));
    }
  }
  ParameterMap map;
  map.base_.assign(spec.parameters.size(), 0.0);
  for (std::size_t p = 0; p < spec.parameters.size(); ++p) {
    const ParameterSpec& parameter = spec.parameters[p];
    if (const auto held = fixed.find(parameter.name); held != fixed.end()) {
      map.base_[p] = held->second;
      continue;
    }
    if (parameter.fixed) {
      if (!parameter.value) {
        return absl::InvalidArgumentError(
            absl::StrCat("law '", spec.id, "' fixes '", parameter.name,
                         "' but gives it no value; fix it to one for this fit"));
      }
      map.base_[p] = *parameter.value;
      continue;
    }
    const auto own = bounds.find(parameter.name);
    const Range range = own == bounds.end() ? parameter.bounds : own->second;
    Free free{p, parameter.transform == "log", range.low, range.high};
    if (free.log) {
      if (!(range.high > 0)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "'", parameter.name, "' is walked by its logarithm, but its bounds hold no positive number"));
      }
      // exp(+-700) is where doubles end.
      free.low = range.low > 0 ? std::log(range.low) : -700.0;
      free.high = std::min(700.0, std::log(range.high));
    }
    map.free_.push_back(free);
  }
  if (map.free_.empty())
    return absl::InvalidArgumentError("every parameter is fixed: there is nothing to fit");
  if (map.free_.size() > kMaxFreeParameters) {
    return absl::InvalidArgumentError(absl::StrCat("law '", spec.id, "' has ", map.free_.size(),
                                                   " free parameters; a fit takes at most ",
                                                   kMaxFreeParameters));
  }
  return map;
}

void ParameterMap::ToNatural(std::span<const double> walked, std::span<double> natural) const {
  std::copy(base_.begin(), base_.end(), natural.begin());
  for (std::size_t k = 0; k < free_.size(); ++k) {
    natural[free_[k].index] = free_[k].log ? std::exp(walked[k]) : walked[k];
  }
}

void ParameterMap::ToWalked(std::span<const double> natural, std::span<double> walked,
                            double log_floor) const {
  for (std::size_t k = 0; k < free_.size(); ++k) {
    const double value = natural[free_[k].index];
    walked[k] = free_[k].log ? (value > 0 ? std::log(value) : log_floor) : value;
  }
  Clamp(walked);
}

void ParameterMap::Clamp(std::span<double> walked) const {
  for (std::size_t k = 0; k < free_.size(); ++k)
    walked[k] = std::clamp(walked[k], free_[k].low, free_[k].high);
}

bool ParameterMap::AtBound(std::size_t k, double walked) const {
  const double tolerance = 1e-9 * std::max(1.0, std::abs(walked));
  return walked <= free_[k].low + tolerance || walked >= free_[k].high - tolerance;
}

}  // namespace sextant::fitting::solve
