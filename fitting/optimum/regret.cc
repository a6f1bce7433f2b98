// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/regret.h"

#include <ceres/ceres.h>

#include <array>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sextant::fitting::optimum {
namespace {

constexpr double kRegretFreedom = 4;
constexpr int kLawParameters = 6;  // rate law, then batch law, three each

/// ln variables of one cell about their means, so that the six parameters are of one order.
struct CentredRow {
  std::array<double, 3> rate;
  std::array<double, 3> batch;
};

class RegretFunction : public ceres::FirstOrderFunction {
 public:
  RegretFunction(const RegretProblem& problem, const RegretLaws& start) : problem_(problem) {
    rate_mean_ = Means(start.rate_variables);
    batch_mean_ = Means(start.batch_variables);
    for (const CellProcess& cell : *problem.cells) {
      rows_.push_back(
          {Row(start.rate_variables, rate_mean_, cell), Row(start.batch_variables, batch_mean_, cell)});
    }
    AddPriors(0, OptimumTarget::kLearningRate, start.rate_variables, problem.axes.rate);
    AddPriors(3, OptimumTarget::kBatchSizeTokens, start.batch_variables, problem.axes.batch);
    used_ = {problem.axes.rate,
             problem.axes.rate,
             problem.axes.rate && start.rate_variables == LawVariables::kParamsTokens,
             problem.axes.batch,
             problem.axes.batch,
             problem.axes.batch && start.batch_variables == LawVariables::kParamsTokens};
  }

  int NumParameters() const override { return kLawParameters; }

  bool Evaluate(const double* p, double* cost, double* gradient) const override {
    double sum = 0;
    std::array<double, kLawParameters> slope{};
    for (std::size_t c = 0; c < rows_.size(); ++c) {
      Eigen::Vector2d at = Eigen::Vector2d::Zero();
      for (std::size_t k = 0; k < 3; ++k) {
        at[0] += p[k] * rows_[c].rate[k];
        at[1] += p[3 + k] * rows_[c].batch[k];
      }
      if (!problem_.shifts.empty()) {
        at -= problem_.shifts[c];
      }
      Eigen::Vector2d cell_slope = Eigen::Vector2d::Zero();
      sum += (*problem_.cells)[c].Expected(at, problem_.spread, &cell_slope) / kRegretUnit;
      for (std::size_t k = 0; k < 3; ++k) {
        slope[k] += cell_slope[0] * rows_[c].rate[k] / kRegretUnit;
        slope[3 + k] += cell_slope[1] * rows_[c].batch[k] / kRegretUnit;
      }
    }
    for (const Prior& prior : priors_) {
      const double miss =
          (prior.weights[0] * p[prior.first] + prior.weights[1] * p[prior.first + 1] - prior.mean) /
          prior.deviation;
      // Student-t: exponents far from the population's are rare, not impossible.
      const double pull = miss * (kRegretFreedom + 1) / (kRegretFreedom + miss * miss);
      sum += 0.5 * (kRegretFreedom + 1) * std::log1p(miss * miss / kRegretFreedom);
      slope[prior.first] += pull * prior.weights[0] / prior.deviation;
      slope[prior.first + 1] += pull * prior.weights[1] / prior.deviation;
    }
    cost[0] = sum;
    if (gradient != nullptr) {
      for (std::size_t k = 0; k < kLawParameters; ++k) {
        gradient[k] = used_[k] ? slope[k] : 0;
      }
    }
    return std::isfinite(sum);
  }

  std::array<double, kLawParameters> Centre(const RegretLaws& laws) const {
    std::array<double, kLawParameters> p{};
    for (std::size_t k = 0; k < 3; ++k) {
      p[k] = used_[k] ? laws.rate[k] : 0;
      p[3 + k] = used_[3 + k] ? laws.batch[k] : 0;
    }
    for (std::size_t k = 0; k < 2; ++k) {
      p[0] += p[1 + k] * rate_mean_[k];
      p[3] += p[4 + k] * batch_mean_[k];
    }
    return p;
  }

  void Uncentre(const std::array<double, kLawParameters>& p, RegretLaws& laws) const {
    laws.rate = {p[0] - p[1] * rate_mean_[0] - p[2] * rate_mean_[1], p[1], p[2]};
    laws.batch = {p[3] - p[4] * batch_mean_[0] - p[5] * batch_mean_[1], p[4], p[5]};
  }

 private:
  struct Prior {
    std::size_t first;  ///< index of the law's first exponent
    std::array<double, 2> weights;
    double mean;
    double deviation;
  };

  void AddPriors(std::size_t law, OptimumTarget target, LawVariables variables, bool active) {
    for (const ExponentPopulation& prior :
         ExponentPopulations(target, variables, problem_.axes.rate && problem_.axes.batch)) {
      const double shift =
          priors_.size() < problem_.prior_shifts.size() ? problem_.prior_shifts[priors_.size()] : 0;
      if (active) {
        priors_.push_back({law + 1, prior.weights, prior.mean + shift * prior.deviation, prior.deviation});
      }
    }
  }

  std::array<double, 2> Means(LawVariables variables) const {
    std::array<double, 2> mean{};
    for (const CellProcess& cell : *problem_.cells) {
      const LogVariables at = LawLogVariables(variables, cell.log_params(), cell.log_tokens());
      mean[0] += at.x[0] / static_cast<double>(problem_.cells->size());
      mean[1] += at.x[1] / static_cast<double>(problem_.cells->size());
    }
    return mean;
  }

  static std::array<double, 3> Row(LawVariables variables, const std::array<double, 2>& mean,
                                   const CellProcess& cell) {
    const LogVariables at = LawLogVariables(variables, cell.log_params(), cell.log_tokens());
    return {1, at.x[0] - mean[0], at.x[1] - mean[1]};
  }

  const RegretProblem& problem_;
  std::vector<CentredRow> rows_;
  std::vector<Prior> priors_;
  std::array<bool, kLawParameters> used_{};
  std::array<double, 2> rate_mean_{};
  std::array<double, 2> batch_mean_{};
};

/// ln loss of one cell's process over (ln rate, ln batch).
class CellFunction : public ceres::FirstOrderFunction {
 public:
  CellFunction(const CellProcess& cell, Axes axes) : cell_(cell), axes_(axes) {}
  int NumParameters() const override { return 2; }
  bool Evaluate(const double* p, double* cost, double* gradient) const override {
    Eigen::Vector2d slope = Eigen::Vector2d::Zero();
    // A little smoothing: the optimum of a region, not of one run's luck.
    const Eigen::Matrix2d spread =
        Eigen::Vector2d(axes_.rate ? 0.01 : 0, axes_.batch ? 0.01 : 0).asDiagonal();
    cost[0] = cell_.Expected({p[0], p[1]}, spread, &slope) / kRegretUnit;
    if (gradient != nullptr) {
      gradient[0] = axes_.rate ? slope[0] / kRegretUnit : 0;
      gradient[1] = axes_.batch ? slope[1] / kRegretUnit : 0;
    }
    return std::isfinite(cost[0]);
  }

 private:
  const CellProcess& cell_;
  Axes axes_;
};

ceres::GradientProblemSolver::Options SolverOptions(bool quick) {
  ceres::GradientProblemSolver::Options options;
  options.line_search_direction_type = ceres::BFGS;
  options.max_num_iterations = quick ? 60 : 500;
  options.function_tolerance = quick ? 1e-7 : 1e-14;
  options.gradient_tolerance = quick ? 1e-3 : 1e-7;
  options.parameter_tolerance = quick ? 1e-5 : 1e-11;
  options.logging_type = ceres::SILENT;
  return options;
}

}  // namespace

Eigen::Vector2d RegretLaws::At(double log_params, double log_tokens) const {
  return {EvaluateLogLaw(rate_variables, rate.data(), log_params, log_tokens),
          EvaluateLogLaw(batch_variables, batch.data(), log_params, log_tokens)};
}

absl::StatusOr<RegretFit> MinimiseRegret(const RegretProblem& problem, const RegretLaws& start, bool quick) {
  auto* function = new RegretFunction(problem, start);  // owned by the gradient problem
  const ceres::GradientProblem gradient_problem(function);
  std::array<double, kLawParameters> p = function->Centre(start);
  ceres::GradientProblemSolver::Summary summary;
  ceres::Solve(SolverOptions(quick), gradient_problem, p.data(), &summary);
  if (!summary.IsSolutionUsable()) {
    return absl::InternalError(absl::StrCat("regret minimisation did not converge: ", summary.message));
  }
  RegretFit fit;
  fit.laws = start;
  function->Uncentre(p, fit.laws);
  fit.objective = summary.final_cost;
  return fit;
}

std::vector<Eigen::Vector2d> CellOptima(const std::vector<CellProcess>& cells, Axes axes) {
  std::vector<Eigen::Vector2d> optima;
  for (const CellProcess& cell : cells) {
    const ceres::GradientProblem problem(new CellFunction(cell, axes));
    Eigen::Vector2d at = cell.centre();
    ceres::GradientProblemSolver::Summary summary;
    ceres::Solve(SolverOptions(false), problem, at.data(), &summary);
    optima.push_back(at);
  }
  return optima;
}

}  // namespace sextant::fitting::optimum
