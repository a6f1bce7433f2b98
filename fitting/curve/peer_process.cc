// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/peer_process.h"

#include <ceres/ceres.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace sextant::fitting {
namespace {

// Centres and widths of the normal priors on the logarithms of the scales: features vary over a few units, ln
// loss ratios over some hundredths.
constexpr std::array<double, 4> kPriorCentre = {0.916, -3.0, -3.9, -4.2};
constexpr std::array<double, 4> kPriorWidth = {0.5, 1, 1, 1};
// Intervals grow by this share for every standard deviation outside what the examples cover.
constexpr double kBeyond = 0.6;

}  // namespace

PeerProcess::PeerProcess(std::span<const PeerExample> examples) {
  const auto n = static_cast<Eigen::Index>(examples.size());
  const double count = static_cast<double>(n);
  for (const PeerExample& e : examples) {
    mean_ += e.target / count;
    for (int k = 0; k < kPeerFeatures; ++k) centre_[k] += e.features[k] / count;
  }
  for (const PeerExample& e : examples) {
    for (int k = 0; k < kPeerFeatures; ++k) {
      spread_[k] += (e.features[k] - centre_[k]) * (e.features[k] - centre_[k]) / count;
    }
  }
  // A feature that does not vary among the peers says nothing, also where the run differs in it.
  for (double& s : spread_) s = s > 1e-12 ? std::sqrt(s) : 1e12;
  targets_.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    inputs_.push_back(Standardise(examples[static_cast<size_t>(i)].features));
    targets_[i] = examples[static_cast<size_t>(i)].target - mean_;
  }
  distance_.resize(n, n);
  product_.resize(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) {
      double distance = 0, product = 0;
      for (int k = 0; k < kPeerFeatures; ++k) {
        const double a = inputs_[static_cast<size_t>(i)][k], b = inputs_[static_cast<size_t>(j)][k];
        distance += (a - b) * (a - b);
        product += a * b;
      }
      distance_(i, j) = distance;
      product_(i, j) = product;
    }
  }

  class Likelihood : public ceres::FirstOrderFunction {
   public:
    explicit Likelihood(const PeerProcess& process) : process_(process) {}
    bool Evaluate(const double* scales, double* cost, double* gradient) const override {
      *cost = process_.Objective(scales, gradient);
      return std::isfinite(*cost);
    }
    int NumParameters() const override { return 4; }

   private:
    const PeerProcess& process_;
  };
  scales_ = kPriorCentre;
  ceres::GradientProblem problem(new Likelihood(*this));
  ceres::GradientProblemSolver::Options options;
  options.logging_type = ceres::SILENT;
  options.max_num_iterations = 60;
  options.function_tolerance = 1e-7;
  ceres::GradientProblemSolver::Summary summary;
  ceres::Solve(options, problem, scales_.data(), &summary);
  converged_ = summary.termination_type == ceres::CONVERGENCE;

  Eigen::MatrixXd covariance =
      std::exp(2 * scales_[1]) * (-0.5 * std::exp(-2 * scales_[0]) * distance_).array().exp().matrix() +
      std::exp(2 * scales_[2]) * product_;
  covariance.diagonal().array() += std::exp(2 * scales_[3]);
  inverse_ = covariance.llt().solve(Eigen::MatrixXd::Identity(n, n));
  weights_ = inverse_ * targets_;
  Calibrate(examples);
}

PeerFeatures PeerProcess::Standardise(const PeerFeatures& features) const {
  PeerFeatures z;
  for (int k = 0; k < kPeerFeatures; ++k) z[k] = (features[k] - centre_[k]) / spread_[k];
  return z;
}

double PeerProcess::Kernel(const PeerFeatures& a, const PeerFeatures& b) const {
  double distance = 0, product = 0;
  for (int k = 0; k < kPeerFeatures; ++k) {
    distance += (a[k] - b[k]) * (a[k] - b[k]);
    product += a[k] * b[k];
  }
  return std::exp(2 * scales_[1] - 0.5 * std::exp(-2 * scales_[0]) * distance) +
         std::exp(2 * scales_[2]) * product;
}

// Minus the log marginal likelihood and log prior.
double PeerProcess::Objective(const double* s, double* gradient) const {
  const Eigen::Index n = targets_.size();
  const double length = std::exp(-2 * s[0]), linear = std::exp(2 * s[2]), noise = std::exp(2 * s[3]);
  const Eigen::MatrixXd smooth = std::exp(2 * s[1]) * (-0.5 * length * distance_).array().exp().matrix();
  Eigen::MatrixXd covariance = smooth + linear * product_;
  covariance.diagonal().array() += noise + 1e-10;
  const Eigen::LLT<Eigen::MatrixXd> factor(covariance);
  if (factor.info() != Eigen::Success) return std::numeric_limits<double>::infinity();
  const Eigen::VectorXd alpha = factor.solve(targets_);
  double value = 0.5 * targets_.dot(alpha) + factor.matrixLLT().diagonal().array().log().sum();
  for (size_t k = 0; k < 4; ++k) {
    const double z = (s[k] - kPriorCentre[k]) / kPriorWidth[k];
    value += 0.5 * z * z;
  }
  if (gradient == nullptr) return value;
  // d/ds = 1/2 tr((K^-1 - alpha alpha') dK/ds).
  const Eigen::MatrixXd outer = factor.solve(Eigen::MatrixXd::Identity(n, n)) - alpha * alpha.transpose();
  gradient[0] = 0.5 * length * (outer.array() * smooth.array() * distance_.array()).sum();
  gradient[1] = (outer.array() * smooth.array()).sum();
  gradient[2] = linear * (outer.array() * product_.array()).sum();
  gradient[3] = noise * outer.trace();
  for (size_t k = 0; k < 4; ++k) gradient[k] += (s[k] - kPriorCentre[k]) / (kPriorWidth[k] * kPriorWidth[k]);
  return value;
}

// Leave-group-out residuals in closed form (Rasmussen and Williams 2006, equation 5.12, for blocks).
void PeerProcess::Calibrate(std::span<const PeerExample> examples) {
  std::map<int, std::vector<Eigen::Index>> groups;
  for (size_t i = 0; i < examples.size(); ++i)
    groups[examples[i].group].push_back(static_cast<Eigen::Index>(i));
  // Few groups say little about how far another may fall.
  const double few = 1 + 1 / static_cast<double>(groups.size());
  calibration_ = few;
  if (groups.size() < 3) return;
  double sum = 0;
  for (const auto& [group, rows] : groups) {
    const auto m = static_cast<Eigen::Index>(rows.size());
    Eigen::MatrixXd block(m, m);
    Eigen::VectorXd right(m);
    for (Eigen::Index a = 0; a < m; ++a) {
      right[a] = weights_[rows[static_cast<size_t>(a)]];
      for (Eigen::Index b = 0; b < m; ++b) {
        block(a, b) = inverse_(rows[static_cast<size_t>(a)], rows[static_cast<size_t>(b)]);
      }
    }
    const Eigen::MatrixXd covariance = block.llt().solve(Eigen::MatrixXd::Identity(m, m));
    const Eigen::VectorXd error = covariance * right;
    for (Eigen::Index a = 0; a < m; ++a) sum += error[a] * error[a] / covariance(a, a);
  }
  calibration_ = few * std::clamp(std::sqrt(sum / static_cast<double>(examples.size())), 1.0, 4.0);
}

// How far a point lies outside the box of the examples, in standard deviations summed over the features.
double PeerProcess::Beyond(const PeerFeatures& z) const {
  double beyond = 0;
  for (size_t k = 0; k < z.size(); ++k) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const PeerFeatures& input : inputs_) {
      low = std::min(low, input[k]);
      high = std::max(high, input[k]);
    }
    beyond += std::max({0.0, z[k] - high, low - z[k]});
  }
  return beyond;
}

PeerProcess::Prediction PeerProcess::Predict(const PeerFeatures& features) const {
  const PeerFeatures z = Standardise(features);
  Eigen::VectorXd cross(targets_.size());
  for (Eigen::Index i = 0; i < cross.size(); ++i) cross[i] = Kernel(z, inputs_[static_cast<size_t>(i)]);
  const double variance = Kernel(z, z) + std::exp(2 * scales_[3]) - cross.dot(inverse_ * cross);
  return {mean_ + cross.dot(weights_),
          (1 + kBeyond * Beyond(z)) * calibration_ * std::sqrt(std::max(variance, 1e-12))};
}

}  // namespace sextant::fitting
