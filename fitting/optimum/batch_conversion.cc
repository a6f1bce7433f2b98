// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/batch_conversion.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sextant::fitting {
namespace {

absl::Status CheckPositive(const char* name, double value) {
  if (std::isfinite(value) && value > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(name, " must be finite and above 0, not ", value));
}

absl::Status CheckConversion(double rate, double from_batch, double to_batch) {
  if (absl::Status status = CheckPositive("learning rate", rate); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckPositive("batch converted from", from_batch); !status.ok()) {
    return status;
  }
  return CheckPositive("batch converted to", to_batch);
}

}  // namespace

absl::StatusOr<double> ConvertRateByPower(double rate, double from_batch, double to_batch, double exponent) {
  if (absl::Status status = CheckConversion(rate, from_batch, to_batch); !status.ok()) {
    return status;
  }
  if (!std::isfinite(exponent)) {
    return absl::InvalidArgumentError("exponent must be finite");
  }
  return rate * std::pow(to_batch / from_batch, exponent);
}

absl::StatusOr<double> ConvertRateBySurge(double rate, double from_batch, double to_batch,
                                          double noise_batch) {
  if (absl::Status status = CheckConversion(rate, from_batch, to_batch); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckPositive("noise scale", noise_batch); !status.ok()) {
    return status;
  }
  const auto slowness = [noise_batch](double batch) {
    return std::sqrt(noise_batch / batch) + std::sqrt(batch / noise_batch);
  };
  return rate * slowness(from_batch) / slowness(to_batch);
}

}  // namespace sextant::fitting
