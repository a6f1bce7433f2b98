// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/evaluators/evaluator.h"

#include "fitting/curve/forms.h"
#include "fitting/curve/trajectory.h"

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

const std::vector<Evaluator>& Evaluators() {
  static const std::vector<Evaluator> evaluators = {
      {"m4", {"x"}, {"beta", "c", "alpha", "eps_inf", "eps_0"}, EvaluateM4},
      {"trajectory",
       {"N", "S", "B"},
       {"N_c", "alpha_N", "S_c", "alpha_S", "B_star", "alpha_B"},
       EvaluateTrajectory},
  };
  return evaluators;
}

}  // namespace

const Evaluator* FindEvaluator(const std::string& name) {
  for (const Evaluator& evaluator : Evaluators()) {
    if (evaluator.name == name) return &evaluator;
  }
  return nullptr;
}

std::vector<std::string> EvaluatorNames() {
  std::vector<std::string> names;
  for (const Evaluator& evaluator : Evaluators()) names.push_back(evaluator.name);
  return names;
}

}  // namespace sextant::fitting
