// SPDX-License-Identifier: Apache-2.0
// Gaussian-process regression of what finished runs still had to gain, on what their curves looked like at
// the same point.
#ifndef SEXTANT_FITTING_CURVE_PEER_PROCESS_H_
#define SEXTANT_FITTING_CURVE_PEER_PROCESS_H_

#include <Eigen/Core>
#include <array>
#include <span>
#include <vector>

namespace sextant::fitting {

inline constexpr int kPeerFeatures = 5;
using PeerFeatures = std::array<double, kPeerFeatures>;

struct PeerExample {
  PeerFeatures features{};
  double target = 0;
  int group = 0;  // examples of one group (such as one model size and horizon) are left out together
};

// A constant, a linear part and a squared-exponential part over standardised features, plus noise. The four
// scales maximise the marginal likelihood under weak priors (Rasmussen and Williams 2006, section 5.4), by
// Ceres. Immutable after construction, thread-safe.
class PeerProcess {
 public:
  // At least four examples.
  explicit PeerProcess(std::span<const PeerExample> examples);

  struct Prediction {
    double mean = 0, sd = 0;
  };
  // `sd` is widened by how far whole groups, left out, fell outside their own predictions, and by how far the
  // features lie outside those of the examples.
  Prediction Predict(const PeerFeatures& features) const;
  bool converged() const { return converged_; }
  double calibration() const { return calibration_; }

 private:
  using Scales = std::array<double, 4>;  // logarithms: length, amplitude, linear weight, noise
  PeerFeatures Standardise(const PeerFeatures& features) const;
  double Kernel(const PeerFeatures& a, const PeerFeatures& b) const;
  double Objective(const double* scales, double* gradient) const;
  double Beyond(const PeerFeatures& standardised) const;
  void Calibrate(std::span<const PeerExample> examples);

  PeerFeatures centre_{}, spread_{};
  std::vector<PeerFeatures> inputs_;
  double mean_ = 0;
  Eigen::VectorXd targets_;
  Eigen::MatrixXd distance_, product_;  // squared distances and scalar products of the inputs
  Scales scales_{};
  Eigen::MatrixXd inverse_;  // of the covariance of the examples, noise included
  Eigen::VectorXd weights_;
  double calibration_ = 1;
  bool converged_ = false;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_PEER_PROCESS_H_
