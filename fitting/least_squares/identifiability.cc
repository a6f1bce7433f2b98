// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/identifiability.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <Eigen/Core>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "fitting/refusal.h"

namespace sextant::fitting::solve {
namespace {

// Beyond this the smallest singular direction of the scaled Jacobian is rounding (its square root is 1e-7.5).
constexpr double kIndistinguishable = 1e15;

// Rows scaled by root weight; columns as they are.
bool WeightedJacobian(Evaluator& evaluator, const std::vector<double>& walked, Eigen::MatrixXd& j,
                      std::vector<double>& residual) {
  std::vector<double> jacobian;
  if (!evaluator.Residuals(walked, residual, &jacobian)) return false;
  const auto n = static_cast<Eigen::Index>(evaluator.rows());
  const auto k = static_cast<Eigen::Index>(evaluator.dimension());
  j.resize(n, k);
  for (Eigen::Index row = 0; row < n; ++row) {
    const double weight = evaluator.weights()[row];
    for (Eigen::Index i = 0; i < k; ++i)
      j(row, i) = weight > 0 ? std::sqrt(weight) * jacobian[i * n + row] : 0.0;
  }
  return true;
}

std::vector<std::string> ConstantVariables(const Law& law, const LawData& data) {
  std::vector<std::string> names;
  for (std::size_t v = 0; v < data.columns.size(); ++v) {
    const auto [low, high] = std::minmax_element(data.columns[v].begin(), data.columns[v].end());
    if (*low == *high) names.push_back(law.spec().variables[v].name);
  }
  return names;
}

}  // namespace

double ConditionNumber(Evaluator& evaluator, const std::vector<double>& walked) {
  Eigen::MatrixXd j;
  std::vector<double> residual;
  if (!WeightedJacobian(evaluator, walked, j, residual)) return std::numeric_limits<double>::infinity();
  for (Eigen::Index i = 0; i < j.cols(); ++i) {
    const double length = j.col(i).norm();
    if (!(length > 0) || !std::isfinite(length)) return std::numeric_limits<double>::infinity();
    j.col(i) /= length;
  }
  const Eigen::VectorXd singular = Eigen::JacobiSVD<Eigen::MatrixXd>(j).singularValues();
  const double smallest = singular[singular.size() - 1];
  if (!(smallest > 0)) return std::numeric_limits<double>::infinity();
  return std::pow(singular[0] / smallest, 2);
}

absl::Status CheckDesign(const Law& law, const LawData& data, const ParameterMap& map) {
  std::set<std::vector<double>> points;
  std::size_t rows = 0;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::size_t row = 0; row < data.size(); ++row) {
    if (!data.weights.empty() && data.weights[row] == 0) continue;
    ++rows;
    low = std::min(low, data.observed[row]);
    high = std::max(high, data.observed[row]);
    if (points.size() >= map.free_count()) continue;
    std::vector<double> point;
    for (const std::vector<double>& column : data.columns) point.push_back(column[row]);
    points.insert(std::move(point));
  }
  const std::size_t k = map.free_count();
  if (rows < k) {
    return NotIdentifiable(absl::StrCat("law '", law.spec().id, "' has ", k, " free parameters and the data ",
                                        rows, rows == 1 ? " run" : " runs", "; add runs or fix parameters"));
  }
  if (points.size() < k) {
    return NotIdentifiable(
        absl::StrCat("the runs lie at ", points.size(), " distinct points, law '", law.spec().id, "' has ", k,
                     " free parameters; repeats measure noise, add other points or fix parameters"));
  }
  if (low == high && rows > 1) {
    return NotIdentifiable(
        absl::StrCat("all ", rows, " observed values equal ", low, "; check which column was mapped"));
  }
  return absl::OkStatus();
}

absl::Status CheckIdentifiable(Evaluator& evaluator, const Law& law, const LawData& data,
                               const std::vector<std::vector<double>>& points) {
  for (const std::vector<double>& point : points) {
    if (ConditionNumber(evaluator, point) < kIndistinguishable) return absl::OkStatus();
  }
  const std::vector<std::string> constant = ConstantVariables(law, data);
  const std::string cause =
      constant.empty() ? "its parameters change every prediction in the same proportions"
                       : absl::StrCat(absl::StrJoin(constant, ", "), " takes only one value in the data");
  return NotIdentifiableFromDesign(absl::StrCat(cause, ", so law '", law.spec().id,
                                                "' cannot be told from others; vary it or fix parameters"));
}

std::vector<double> NormalStandardErrors(Evaluator& evaluator, const std::vector<double>& walked) {
  Eigen::MatrixXd j;
  std::vector<double> residual;
  if (!WeightedJacobian(evaluator, walked, j, residual)) return {};
  const Eigen::Index k = j.cols();
  double squares = 0;
  Eigen::Index rows = 0;
  for (std::size_t row = 0; row < residual.size(); ++row) {
    if (evaluator.weights()[row] == 0) continue;
    squares += evaluator.weights()[row] * residual[row] * residual[row];
    ++rows;
  }
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(j, Eigen::ComputeThinV);
  const double variance = squares / static_cast<double>(std::max<Eigen::Index>(1, rows - k));
  std::vector<double> errors(static_cast<std::size_t>(k), 0.0);
  for (Eigen::Index i = 0; i < k; ++i) {
    for (Eigen::Index s = 0; s < k; ++s) {
      const double singular = svd.singularValues()[s];
      if (!(singular > 0)) return {};
      errors[i] += std::pow(svd.matrixV()(i, s) / singular, 2) * variance;
    }
    errors[i] = std::sqrt(errors[i]);
  }
  return errors;
}

}  // namespace sextant::fitting::solve
