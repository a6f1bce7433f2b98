// SPDX-License-Identifier: Apache-2.0
// Published laws of the joint optimum as one prior.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sextant::fitting::design {

/// ln value = level + n ln(N / N0) + d ln(D / D0) about the centre of whoever made it.
struct LogPlane {
  double level = 0, params_slope = 0, tokens_slope = 0;
};

/// What one published law, or a pair of one source, says of the optimal rate and batch together.
struct PriorLaw {
  std::string name;
  std::optional<LogPlane> rate = std::nullopt, batch = std::nullopt;
};

/// Coefficients (level, slope in ln N, slope in ln D) of ln rate, then of ln batch.
using Coefficients = Eigen::Matrix<double, 6, 1>;

/// Levels: median and spread of the laws at the centre, never narrower than published laws miss sweeps by.
/// Slopes: median of the laws and of the exponents' population.
struct Prior {
  Coefficients mean = Coefficients::Zero();
  Eigen::Matrix<double, 6, 6> covariance = Eigen::Matrix<double, 6, 6>::Identity();
};

Prior ConsensusOf(std::span<const PriorLaw> laws);

}  // namespace sextant::fitting::design
