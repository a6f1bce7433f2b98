// SPDX-License-Identifier: Apache-2.0
// Evaluators of the learning-curve forms, as pure functions of (x, parameters).
//
// x > 0 is the amount of data or training (examples, tokens, steps), the result a loss or error in the unit
// the parameters were fitted in. Invalid parameters give NaN, never an exception. Thread-safe.
//
// M1 to M4: Alabdulmohsin, Neyshabur, Zhai 2022, arXiv 2209.06640, section 3. BNSL: Caballero et al. 2023,
// arXiv 2210.14891, equation 1. Rectified: Lin et al. 2024, arXiv 2402.02314.
#ifndef SEXTANT_FITTING_CURVE_FORMS_H_
#define SEXTANT_FITTING_CURVE_FORMS_H_

#include <span>

namespace sextant::fitting {

// beta x^c, with c < 0 for a falling curve.
double CurveM1(double x, double beta, double c);
// beta x^c + eps_inf.
double CurveM2(double x, double beta, double c, double eps_inf);
// beta (1/x + gamma)^c with c >= 0.
double CurveM3(double x, double beta, double gamma, double c);
// The eps in (eps_inf, eps_0) that solves (eps - eps_inf) / (eps_0 - eps)^alpha = beta x^c. The left side
// rises with eps, so the solution is unique; found to full double precision. eps_0 > eps_inf >= 0, alpha >=
// 0. `gradient`, when not null, takes d eps / d (beta, c, alpha, eps_inf, eps_0).
double CurveM4(double x, double beta, double c, double alpha, double eps_inf, double eps_0,
               double* gradient = nullptr);

// One break of a broken power law: exponent change c, place d > 0, sharpness f > 0 (smaller is sharper).
struct CurveBreak {
  double c, d, f;
};
// a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i), overflow-safe.
double CurveBnsl(double x, double a, double b, double c0, std::span<const CurveBreak> breaks);

// B / (D_l + x^beta) + E: fine-tuning with the pre-learned data size D_l.
double CurveRectified(double x, double b, double d_l, double beta, double e);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_FORMS_H_
