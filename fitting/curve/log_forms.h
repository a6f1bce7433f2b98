// SPDX-License-Identifier: Apache-2.0
// The learning-curve forms as least-squares problems in normalised logarithms (LogCurve), for Ceres.
#ifndef SEXTANT_FITTING_CURVE_LOG_FORMS_H_
#define SEXTANT_FITTING_CURVE_LOG_FORMS_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "fitting/curve/dense_solver.h"
#include "fitting/curve/extrapolate.h"
#include "fitting/curve/log_curve.h"

namespace sextant::fitting {

// M1: ln beta', exponent. M2: and ln floor. M3: ln beta', c, ln gamma'. M4: ln beta', exponent, alpha, ln
// eps_inf, ln(eps_0 - largest y). Broken: ln floor, ln b', c0, then (c, ln d', ln f) a break. Primes are
// relative to the reference point of the LogCurve.
class LogForm {
 public:
  LogForm(CurveForm form, int breaks, const LogCurve& curve);

  int parameters() const { return static_cast<int>(lower_.size()); }
  const std::string& law() const { return law_; }
  int breaks() const { return breaks_; }
  // The value nearest to `value` that parameter i may take.
  double Clamped(size_t i, double value) const { return std::clamp(value, lower_[i], upper_[i]); }
  // The greatest y / y_ref of the curve.
  double largest() const { return largest_; }
  // ln(y / y_ref) at u; `gradient`, when not null, has parameters() elements.
  double Evaluate(const double* p, double u, double* gradient) const;
  // Fits the first `points` points of the curve (all of them: curve.u.size()). The curve must outlive the
  // problem.
  DenseProblem Problem(const LogCurve& curve, size_t points) const;
  // Points to start from, spread over the shapes the form can take.
  std::vector<std::vector<double>> Starts(const LogCurve& curve) const;
  // In the units of x and y, named as forms.h does.
  std::vector<CurveParameter> Named(const std::vector<double>& p, const LogCurve& curve) const;

 private:
  double EvaluateM4(const double* p, double u, double* gradient) const;
  double EvaluateBroken(const double* p, double u, double* gradient) const;

  CurveForm form_;
  int breaks_;
  std::string law_;
  double largest_ = 1;  // greatest y / y_ref
  std::vector<double> lower_, upper_;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_LOG_FORMS_H_
