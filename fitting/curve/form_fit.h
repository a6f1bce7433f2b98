// SPDX-License-Identifier: Apache-2.0
// One learning-curve form fitted to a curve: the full fit by Ceres, and its error on held-out tails.
#ifndef SEXTANT_FITTING_CURVE_FORM_FIT_H_
#define SEXTANT_FITTING_CURVE_FORM_FIT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "fitting/curve/form_average.h"
#include "fitting/curve/log_forms.h"

namespace sextant::fitting {

struct FormFit {
  LogForm form;
  DenseSolution solution;
  double held_out_error =
      0;  // root mean square ln error over the held-out tails; NaN when the curve is too short
};

// How many points the heads hold whose tails are left out: about 55, 70 and 82 % of the curve, at least
// `least` points.
std::vector<size_t> HeldOutHeads(size_t points, size_t least);

FormFit FitForm(CurveForm form, int breaks, const LogCurve& curve);
// The broken power law with 0 to `most` breaks whose held-out error is least; more breaks must earn a tenth
// of it.
FormFit FitBroken(int most, const LogCurve& curve);

// Predicted ln(y / y_ref) at every u, one row a replicate, from a residual bootstrap of the fit.
std::vector<std::vector<double>> BootstrapForm(const FormFit& fit, const LogCurve& curve,
                                               std::span<const double> u, int replicates, uint64_t seed);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_FORM_FIT_H_
