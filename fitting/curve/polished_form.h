// SPDX-License-Identifier: Apache-2.0
// A learning-curve form with all its parameters at their least squares: what the grid of FormAverage can only
// come near. A curve that follows a form exactly is then answered by that form.
#ifndef SEXTANT_FITTING_CURVE_POLISHED_FORM_H_
#define SEXTANT_FITTING_CURVE_POLISHED_FORM_H_

#include <Eigen/Core>
#include <optional>
#include <span>
#include <vector>

#include "fitting/curve/log_curve.h"
#include "fitting/curve/log_forms.h"

namespace sextant::fitting {

struct PolishedForm {
  LogForm form;
  std::vector<double> parameters;
  Eigen::MatrixXd spread;        // a factor of the parameters' covariance for unit residual variance
  double mean_square = 0;        // weighted mean of the squared residuals of v
  double held_out = 0;           // mean squared error of v over the tails that `heads` leave out
  double prior = 0, weight = 0;  // logarithms until normalised
  double residual_variance = 0;

  double Predict(double u) const { return form.Evaluate(parameters.data(), u, nullptr); }
  // Parameters a draw away: `normal` holds one standard normal a parameter.
  std::vector<double> Drawn(std::span<const double> normal, double sd) const;
};

// From `start`, as LogForm names it. Nothing where the form is not defined there, or where the curve has
// fewer than two points more than the form parameters, or where a few steps leave a mean square above
// `promising`. `weighted` carries the weights of the points.
std::optional<PolishedForm> PolishForm(CurveForm form, const std::vector<double>& start,
                                       const LogCurve& weighted, std::span<const size_t> heads,
                                       double promising);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_POLISHED_FORM_H_
