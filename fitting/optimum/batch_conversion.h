// SPDX-License-Identifier: Apache-2.0
// Learning rate at another batch size, by the published rules.
#pragma once

#include "absl/status/statusor.h"

namespace sextant::fitting {

/// rate * (to / from)^exponent. 0.5 is the square-root rule of adaptive optimizers (Malladi et al.
/// 2205.10287, Granziol et al. 2006.09092), 1 the linear rule of SGD (Goyal et al. 1706.02677); measured
/// exponents of AdamW sweeps lie between 0.2 and 0.8, so a study's own fixed-batch optimum
/// (PredictAtFixedPartner) is better where there is one. InvalidArgument unless rate, from and to are finite
/// and above 0 and the exponent is finite.
absl::StatusOr<double> ConvertRateByPower(double rate, double from_batch, double to_batch, double exponent);

/// Surge rule of sign-like optimizers (Li et al. 2405.14578): the optimal rate goes as
/// 1 / (sqrt(noise / B) + sqrt(B / noise)), rising until B equals the gradient noise scale and falling
/// beyond. All three batches in one unit. InvalidArgument unless all are finite and above 0.
absl::StatusOr<double> ConvertRateBySurge(double rate, double from_batch, double to_batch,
                                          double noise_batch);

}  // namespace sextant::fitting
