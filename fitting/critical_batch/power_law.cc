// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/power_law.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "absl/status/status.h"
#include "base/give_up.h"
#include "base/progress.h"
#include "base/quantile.h"
#include "base/random.h"
#include "fitting/curve/dense_solver.h"

namespace sextant::fitting {
namespace {

// The columns of one form, centred so that the coefficients are nearly independent of each other.
struct Design {
  Eigen::MatrixXd x;  // one row a point
  Eigen::VectorXd y, weight;
};

bool Varies(std::span<const ScaledCriticalBatch> points, double ScaledCriticalBatch::*field) {
  double least = points[0].*field, greatest = least;
  for (const ScaledCriticalBatch& p : points) {
    least = std::min(least, p.*field);
    greatest = std::max(greatest, p.*field);
  }
  return greatest > 1.003 * least;  // horizons rounded to whole steps differ by less
}

Design MakeDesign(std::span<const ScaledCriticalBatch> points, bool use_n, bool use_d) {
  Design design;
  const auto n = static_cast<Eigen::Index>(points.size());
  design.x = Eigen::MatrixXd::Ones(n, 1 + use_n + use_d);
  design.y.resize(n);
  design.weight = Eigen::VectorXd::Ones(n);
  bool known = true;
  for (const ScaledCriticalBatch& p : points) known = known && p.log_error > 0;
  for (Eigen::Index i = 0; i < n; ++i) {
    const ScaledCriticalBatch& p = points[static_cast<size_t>(i)];
    Eigen::Index column = 1;
    if (use_n) design.x(i, column++) = std::log(p.params);
    if (use_d) design.x(i, column++) = std::log(p.tokens);
    design.y[i] = std::log(p.critical_batch);
    // A floor under the given errors keeps one lucky point from deciding alone.
    if (known) design.weight[i] = 1 / (p.log_error * p.log_error + 0.05 * 0.05);
  }
  return design;
}

// Least squares in closed form; false when the resampled design is singular.
bool SolveLinear(const Design& design, const Eigen::VectorXd& weight, Eigen::VectorXd& k) {
  const Eigen::MatrixXd scaled = weight.asDiagonal() * design.x;
  const Eigen::LDLT<Eigen::MatrixXd> factor(scaled.transpose() * design.x);
  const auto pivots = factor.vectorD().cwiseAbs();
  if (pivots.minCoeff() <= 1e-10 * pivots.maxCoeff()) return false;
  k = factor.solve(scaled.transpose() * design.y);
  return k.allFinite();
}

DenseSolution SolveByCeres(const Design& design, const Eigen::VectorXd& start) {
  DenseProblem problem;
  problem.residuals = static_cast<int>(design.y.size());
  problem.parameters = static_cast<int>(design.x.cols());
  problem.evaluate = [&design](const double* p, double* r, double* jacobian) {
    const Eigen::Map<const Eigen::VectorXd> k(p, design.x.cols());
    for (Eigen::Index i = 0; i < design.y.size(); ++i) {
      const double scale = std::sqrt(design.weight[i]);
      r[i] = scale * (design.x.row(i).dot(k) - design.y[i]);
      for (Eigen::Index c = 0; jacobian != nullptr && c < design.x.cols(); ++c) {
        jacobian[i * design.x.cols() + c] = scale * design.x(i, c);
      }
    }
    return true;
  };
  return SolveWithCeres(problem, std::vector<double>(start.data(), start.data() + start.size()));
}

BatchInterval FromDraws(double value, const std::vector<double>& draws, double confidence) {
  if (draws.empty()) return {value, value, value};
  return {value, Quantile(draws, 0.5 * (1 - confidence)), Quantile(draws, 0.5 * (1 + confidence))};
}

ScaleLaw FitOne(std::span<const ScaledCriticalBatch> points, const char* name, bool use_n, bool use_d,
                double confidence, int replicates, uint64_t seed, bool& identifiable) {
  ScaleLaw law;
  law.law = name;
  const Design design = MakeDesign(points, use_n, use_d);
  const auto n = static_cast<Eigen::Index>(points.size());
  Eigen::VectorXd k;
  identifiable = n > design.x.cols() && SolveLinear(design, design.weight, k);
  if (!identifiable) return law;
  const DenseSolution solution = SolveByCeres(design, k);
  law.converged = solution.converged;
  k = Eigen::Map<const Eigen::VectorXd>(solution.parameters.data(), k.size());
  const auto unpack = [&](const Eigen::VectorXd& p, double& coefficient, double& a, double& b) {
    coefficient = std::exp(p[0]);
    a = use_n ? p[1] : 0;
    b = use_d ? p[1 + use_n] : 0;
  };
  unpack(k, law.coefficient, law.n_exponent, law.d_exponent);

  const double total_weight = design.weight.sum(), mean = design.weight.dot(design.y) / total_weight;
  const Eigen::VectorXd residual = design.y - design.x * k;
  const double sum = residual.cwiseAbs2().dot(design.weight);
  const double spread = (design.y.array() - mean).square().matrix().dot(design.weight);
  law.r_squared = spread > 0 ? 1 - sum / spread : 0;
  const double count = static_cast<double>(n),
               parameters = static_cast<double>(k.size()) + 1;  // and the variance
  const double variance = std::max(sum / total_weight, 1e-12);
  law.aicc = count - parameters - 1 > 0 ? count * std::log(variance) + 2 * parameters +
                                              2 * parameters * (parameters + 1) / (count - parameters - 1)
                                        : std::numeric_limits<double>::infinity();
  double left_out = 0;
  for (Eigen::Index i = 0; i < n; ++i) {
    Eigen::VectorXd weight = design.weight, without;
    weight[i] = 0;
    const double error = SolveLinear(design, weight, without) ? design.y[i] - design.x.row(i).dot(without)
                                                              : design.y[i] - mean;
    left_out += error * error / count;
  }
  law.leave_one_out_error = std::sqrt(left_out);

  std::vector<double> coefficients, ns, ds;
  const ProgressPhase phase("replicates", replicates);
  for (int i = 0; i < replicates; ++i) {
    phase.Add();
    CheckGivenUp();
    RandomStream random(seed, static_cast<uint64_t>(i));
    Eigen::VectorXd drawn;
    // A resample that cannot identify the form is drawn again, a bounded number of times.
    for (int attempt = 0; attempt < 50; ++attempt) {
      Eigen::VectorXd weight = Eigen::VectorXd::Zero(n);
      for (Eigen::Index j = 0; j < n; ++j) {
        const auto pick = static_cast<Eigen::Index>(random.Index(static_cast<uint64_t>(n)));
        weight[pick] += design.weight[pick];
      }
      if (!SolveLinear(design, weight, drawn)) continue;
      double c = 0, a = 0, b = 0;
      unpack(drawn, c, a, b);
      coefficients.push_back(c);
      ns.push_back(a);
      ds.push_back(b);
      break;
    }
  }
  law.coefficient_interval = FromDraws(law.coefficient, coefficients, confidence);
  law.n_interval = FromDraws(law.n_exponent, ns, confidence);
  law.d_interval = FromDraws(law.d_exponent, ds, confidence);
  return law;
}

std::string Evidence(const ScaleLaws& laws) {
  std::string text;
  char part[160];
  for (const ScaleLaw& law : laws.forms) {
    std::snprintf(part, sizeof part, "%s%s: evidence %.0f %%, left-out error %.1f %%",
                  text.empty() ? "" : "; ", law.law.c_str(), 100 * law.akaike_weight,
                  100 * law.leave_one_out_error);
    text += part;
  }
  return text + ". Taken: " + laws.forms[static_cast<size_t>(laws.best)].law + ".";
}

}  // namespace

double LossPowerLaw::BatchAt(double loss) const { return b_star.value * std::pow(loss, -1 / alpha.value); }

BatchInterval LossPowerLaw::IntervalAt(double loss, double confidence) const {
  std::vector<double> draws;
  for (size_t i = 0; i < b_star_draws.size(); ++i)
    draws.push_back(b_star_draws[i] * std::pow(loss, -1 / alpha_draws[i]));
  return FromDraws(BatchAt(loss), draws, confidence);
}

double ScaleLaw::BatchAt(double params, double tokens) const {
  return coefficient * std::pow(params, n_exponent) * std::pow(tokens, d_exponent);
}

absl::StatusOr<ScaleLaws> FitScaleLaws(std::span<const ScaledCriticalBatch> points, double confidence,
                                       int replicates, uint64_t seed) {
  if (!(confidence > 0 && confidence < 1) || replicates < 0 || replicates > 1'000'000) {
    return absl::InvalidArgumentError("confidence must lie in (0, 1) and replicates in [0, 1000000]");
  }
  for (const ScaledCriticalBatch& p : points) {
    for (double v : {p.params, p.tokens, p.critical_batch}) {
      if (!(v > 0) || !std::isfinite(v)) {
        return absl::InvalidArgumentError("params, tokens and critical batch must be positive and finite");
      }
    }
    if (!(p.log_error >= 0)) return absl::InvalidArgumentError("log_error must not be negative");
  }
  if (points.size() < 3) {
    return absl::FailedPreconditionError("a law of scale needs at least three critical batches; there are " +
                                         std::to_string(points.size()));
  }
  ScaleLaws laws;
  laws.n_identifiable = Varies(points, &ScaledCriticalBatch::params);
  laws.d_identifiable = Varies(points, &ScaledCriticalBatch::tokens);
  if (!laws.n_identifiable)
    laws.warnings.push_back("params take one value: the exponent of N is not identifiable");
  if (!laws.d_identifiable)
    laws.warnings.push_back("tokens take one value: the exponent of D is not identifiable");
  const struct {
    const char* name;
    bool n, d;
  } forms[] = {{"cbs-constant", false, false},
               {"cbs-power-n", true, false},
               {"cbs-power-d", false, true},
               {"cbs-power-nd", true, true}};
  for (const auto& form : forms) {
    if ((form.n && !laws.n_identifiable) || (form.d && !laws.d_identifiable)) continue;
    bool identifiable = false;
    ScaleLaw law = FitOne(points, form.name, form.n, form.d, confidence, replicates, seed, identifiable);
    if (identifiable) {
      laws.forms.push_back(std::move(law));
    } else if (form.n && form.d && points.size() > 3) {
      laws.warnings.push_back("N and D move together in these points: their exponents cannot be told apart");
    }
  }
  double least_aicc = std::numeric_limits<double>::infinity();
  for (const ScaleLaw& law : laws.forms) least_aicc = std::min(least_aicc, law.aicc);
  double total = 0;
  for (ScaleLaw& law : laws.forms) {
    law.akaike_weight = std::isfinite(law.aicc) ? std::exp(-0.5 * (law.aicc - least_aicc)) : 0;
    total += law.akaike_weight;
  }
  for (ScaleLaw& law : laws.forms) law.akaike_weight = total > 0 ? law.akaike_weight / total : 0;
  // The greatest evidence decides; with too few points for a criterion, the least left-out error.
  for (size_t i = 1; i < laws.forms.size(); ++i) {
    const ScaleLaw &law = laws.forms[i], &taken = laws.forms[static_cast<size_t>(laws.best)];
    const bool better = total > 0 ? law.akaike_weight > taken.akaike_weight
                                  : law.leave_one_out_error < 0.95 * taken.leave_one_out_error;
    if (better) laws.best = static_cast<int>(i);
  }
  laws.evidence = Evidence(laws);
  return laws;
}

}  // namespace sextant::fitting
