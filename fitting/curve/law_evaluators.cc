// SPDX-License-Identifier: Apache-2.0
// The laws of this folder that catalogue and law files may name as evaluators. They register themselves: laws
// know nothing of curves.
#include "fitting/curve/forms.h"
#include "fitting/curve/trajectory.h"
#include "fitting/law/evaluators/evaluator.h"

namespace sextant::fitting {
namespace {

// Alabdulmohsin et al. 2022 (2209.06640), M4: (eps - eps_inf) / (eps_0 - eps)^alpha = beta x^c, solved for
// eps.
double EvaluateM4(const double* v, const double* p, double* gradient) {
  return CurveM4(v[0], p[0], p[1], p[2], p[3], p[4], gradient);
}

// Kaplan et al. 2020 (2001.08361) and Su et al. 2024 (2403.06563): L(N, S, B), implicit through B_crit(L).
double EvaluateTrajectory(const double* v, const double* p, double* gradient) {
  const TrajectoryLaw law{
      .n_c = p[0], .alpha_n = p[1], .s_c = p[2], .alpha_s = p[3], .b_star = p[4], .alpha_b = p[5]};
  return TrajectoryLoss(law, v[0], v[1], v[2], gradient);
}

const EvaluatorRegistration kM4({"m4", {"x"}, {"beta", "c", "alpha", "eps_inf", "eps_0"}, EvaluateM4});
const EvaluatorRegistration kTrajectory({"trajectory",
                                         {"N", "S", "B"},
                                         {"N_c", "alpha_N", "S_c", "alpha_S", "B_star", "alpha_B"},
                                         EvaluateTrajectory});

}  // namespace
}  // namespace sextant::fitting
