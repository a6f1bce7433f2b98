// SPDX-License-Identifier: Apache-2.0
// Two recipes' laws of the loss, fitted together for given floors: what is left is close to linear.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

namespace sextant::fitting::comparison {

/// A cell as the laws see it: logarithms relative to the reference budget.
struct LawPoint {
  bool second = false;  ///< of recipe B
  double log_compute = 0, log_params = 0, log_tokens = 0;
  double loss = 0;
  /// 1 / variance of ln loss in units of one run's: the number of seeds.
  double weight = 1;
};

/// kPower: L = E + R C^-g, for cells along one path of N and D. kSurface: L = E + k (A N^-a + B D^-b), k of
/// recipe B over A, for cells that spread over N and D.
enum class LawForm { kPower, kSurface };

/// A parameter's normal prior.
struct NormalPrior {
  double mean = 0, deviation = 1;
};

struct ConditionalProblem {
  LawForm form = LawForm::kPower;
  std::vector<LawPoint> points;
  NormalPrior exponent;  ///< of compute
  NormalPrior drift;     ///< exponent of B less that of A
  double variance = 1;   ///< of ln loss of one run, for the weight of the priors
};

/// Parameters: kPower ln R of A, ln R of B, exponent, drift; kSurface ln A, ln B, a, b, ln k, drift.
struct ConditionalFit {
  bool ok = false;
  Eigen::VectorXd mean;
  Eigen::MatrixXd information;  ///< of the points at variance 1
  Eigen::VectorXd prior;        ///< precisions
  double sum_squares = 0;       ///< of ln loss, weighted
};

std::size_t ParameterCount(LawForm form);

/// Fits the reducible losses ln(L - E) by damped Gauss-Newton. Not ok where a loss lies at its floor.
ConditionalFit FitGivenFloors(const ConditionalProblem& problem, double floor_a, double floor_b);

/// Both laws at the reference budget and along the path of best compute.
struct LawPair {
  double floor_a = 0, floor_b = 0;
  double log_reducible_a = 0, log_reducible_b = 0;  ///< ln(L - E) at the reference
  double exponent_a = 0, exponent_b = 0;
  double data_share = 1,
         data_exponent = 0;  ///< of A: the reducible loss that tokens remove, and its exponent

  double LossA(double log_compute) const;
  double LossB(double log_compute) const;
  /// ln of the compute that A needs for B's loss, over B's; infinite where A never reaches it.
  double LogMultiplier(double log_compute) const;
  /// The same of tokens, at the reference's N.
  double LogTokenMultiplier() const;
};
LawPair ToLawPair(LawForm form, const Eigen::VectorXd& parameters, double floor_a, double floor_b);

}  // namespace sextant::fitting::comparison
