// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/polished_form.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "fitting/curve/dense_solver.h"

namespace sextant::fitting {
namespace {

constexpr int kFirstIterations = 25, kIterations = 200, kTailIterations = 6;
constexpr double kFirstTolerance = 1e-9, kTailTolerance = 1e-4;
// Parameters that a curve says nothing about have no covariance: they are drawn as far as this.
constexpr double kWidestStep = 3;
constexpr double kMostError = .5;  // a form that misses a tail entirely is as good as any other that does

}  // namespace

std::vector<double> PolishedForm::Drawn(std::span<const double> normal, double sd) const {
  const Eigen::Map<const Eigen::VectorXd> z(normal.data(), static_cast<Eigen::Index>(normal.size()));
  const Eigen::VectorXd step = spread * z;
  std::vector<double> drawn = parameters;
  for (size_t i = 0; i < drawn.size(); ++i) {
    drawn[i] += std::clamp(sd * step[static_cast<Eigen::Index>(i)], -kWidestStep, kWidestStep);
    drawn[i] = form.Clamped(i, drawn[i]);
  }
  return drawn;
}

std::optional<PolishedForm> PolishForm(CurveForm kind, const std::vector<double>& start,
                                       const LogCurve& weighted, std::span<const size_t> heads,
                                       double promising) {
  const size_t n = weighted.u.size();
  PolishedForm polished{
      LogForm(kind, kind == CurveForm::kBrokenPowerLaw ? 1 : 0, weighted), {}, {}, 0, 0, 0, 0, 0};
  const LogForm& form = polished.form;
  const auto count = static_cast<size_t>(form.parameters());
  if (n < count + 2 || start.size() != count) return std::nullopt;
  const DenseProblem problem = form.Problem(weighted, n);
  DenseSolution solution = SolveQuickly(problem, start, kFirstIterations, kFirstTolerance);
  if (!(solution.objective < promising * static_cast<double>(n))) return std::nullopt;
  solution = SolveQuickly(problem, solution.parameters, kIterations, kFirstTolerance);
  polished.parameters = solution.parameters;
  const double total = static_cast<double>(n);
  polished.mean_square = solution.objective / total;

  using Jacobian = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Jacobian jacobian(n, count);
  std::vector<double> residual(n);
  if (!problem.evaluate(polished.parameters.data(), residual.data(), jacobian.data())) return std::nullopt;
  Eigen::MatrixXd normal = jacobian.transpose() * jacobian;
  for (Eigen::Index i = 0; i < normal.rows(); ++i) normal(i, i) += 1e-9 + 1e-9 * normal(i, i);
  const Eigen::LLT<Eigen::MatrixXd> factor(normal);
  if (factor.info() != Eigen::Success) return std::nullopt;
  polished.spread = factor.matrixU().solve(Eigen::MatrixXd::Identity(normal.rows(), normal.cols()));

  double held_sum = 0, held_weight = 0;
  for (size_t head : heads) {
    if (head < count + 1) continue;
    const DenseSolution refit =
        SolveQuickly(form.Problem(weighted, head), polished.parameters, kTailIterations, kTailTolerance);
    for (size_t i = head; i < n; ++i) {
      const double error =
          std::clamp(form.Evaluate(refit.parameters.data(), weighted.u[i], nullptr) - weighted.v[i],
                     -kMostError, kMostError);
      held_sum += weighted.weight[i] * error * error;
      held_weight += weighted.weight[i];
    }
  }
  polished.held_out = held_weight > 0 ? held_sum / held_weight : polished.mean_square;
  return polished;
}

}  // namespace sextant::fitting
