// SPDX-License-Identifier: Apache-2.0
// Takes one start to the nearest minimum of an objective.
#pragma once

#include <vector>

#include "fitting/least_squares/evaluator.h"
#include "fitting/least_squares/newton.h"
#include "fitting/least_squares/objective.h"

namespace sextant::fitting::solve {

/// Where a polish ended. `value` is the objective as users know it: for kAbsolute the sum of |r|, for
/// kHuberLikelihood the negative log-likelihood at the best scale.
struct Polished {
  std::vector<double> walked;
  double value = 0;
  double delta = 0;  ///< Huber's delta of the last solve: what a Ceres solve of the same problem takes
  double scale = 1;  ///< kHuberLikelihood's s
  bool converged = false;
  bool joined = false;  ///< on its way to the `known` optimum, where it was not followed to the end
};

/// Polishes under one objective. kAbsolute and kHuberLikelihood are walked to through Huber losses of falling
/// delta; a minimum of the sum of |r| passes through as many points as there are parameters, and the
/// last delta is small enough that the value is right to 1e-9 relative. One a thread.
class Polisher {
 public:
  Polisher(Evaluator& evaluator, const Objective& objective) : evaluator_(evaluator), objective_(objective) {}

  Polished Polish(const std::vector<double>& start);
  /// First under a delta `widening` times as large: the wider loss has fewer minima of its own.
  Polished PolishWidened(const std::vector<double>& start, double widening);
  /// The user's objective at a point, for the best scale where there is one (returned in `scale` if not
  /// null).
  double Value(const std::vector<double>& walked, double* scale = nullptr);

  /// How exactly minima are approached, and an optimum not worth reaching twice (NewtonOptions).
  void SetTolerance(double tolerance) { final_.tolerance = tolerance; }
  void SetKnown(double known) { final_.known = known; }

  std::int64_t evaluations() const { return evaluator_.evaluations(); }
  Evaluator& evaluator() { return evaluator_; }
  const Objective& objective() const { return objective_; }

 private:
  Polished PolishFixedDelta(const std::vector<double>& start, double delta);
  Polished PolishSharp(const std::vector<double>& start);

  Evaluator& evaluator_;
  Objective objective_;
  Newton newton_;
  NewtonOptions final_;
  std::vector<double> residual_;
};

/// Negative log-likelihood of weighted residuals under density exp(-huber(r / s; delta)) / (s Z(delta)), at
/// `scale`.
double HuberLikelihoodValue(const std::vector<double>& residual, const std::vector<double>& weights,
                            double delta, double scale);
/// The scale that minimises it.
double BestHuberLikelihoodScale(const std::vector<double>& residual, const std::vector<double>& weights,
                                double delta);
/// Z(delta): the integral of exp(-huber(x; delta)).
double HuberNormaliser(double delta);

}  // namespace sextant::fitting::solve
