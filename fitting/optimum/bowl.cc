#include "fitting/optimum/bowl.h"

#include <algorithm>
#include <cmath>

namespace sextant::fitting::optimum {
namespace {

/// Beyond this a term continues in a straight line: a rate e^8 times too high is off every sweep, and the
/// exponential must not overflow in a trial step.
constexpr double kLinearBeyond = 8.0;

}  // namespace

double Bowl::Expected(const Eigen::Vector2d& offset, const Eigen::Matrix2d& spread,
                      Eigen::Vector2d* gradient) const {
  double sum = 0;
  for (int k = 0; k < kTerms; ++k) {
    const Eigen::Vector2d a(shape[3 * k], shape[3 * k + 1]);
    const double weight = amplitude * std::exp(shape[3 * k + 2]);
    const double t = a.dot(offset);
    const double raised = t + 0.5 * a.dot(spread * a);
    const double power = std::exp(std::min(raised, kLinearBeyond));
    const double beyond = std::max(0.0, raised - kLinearBeyond);
    sum += weight * (power * (1 + beyond) - 1 - t);
    if (gradient != nullptr) {
      *gradient += weight * (power - 1) * a;
    }
  }
  return sum;
}

Eigen::Matrix2d Bowl::Hessian(const Eigen::Vector2d& offset) const {
  Eigen::Matrix2d hessian = Eigen::Matrix2d::Zero();
  for (int k = 0; k < kTerms; ++k) {
    const Eigen::Vector2d a(shape[3 * k], shape[3 * k + 1]);
    hessian +=
        amplitude * std::exp(shape[3 * k + 2] + std::min(a.dot(offset), kLinearBeyond)) * a * a.transpose();
  }
  return hessian;
}

double Bowl::ConditionalOptimum(int free_axis, double fixed) const {
  double low = -kReach;
  double high = kReach;
  // The derivative along the free axis rises (the bowl is convex): bisect for its zero.
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    Eigen::Vector2d offset;
    offset[free_axis] = middle;
    offset[1 - free_axis] = fixed;
    Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
    Expected(offset, Eigen::Matrix2d::Zero(), &gradient);
    (gradient[free_axis] > 0 ? high : low) = middle;
  }
  return 0.5 * (low + high);
}

std::array<double, 2> Bowl::NearOptimal(int axis, double tolerance) const {
  std::array<double, 2> ends{};
  for (int side = 0; side < 2; ++side) {
    const double sign = side == 0 ? -1 : 1;
    double inside = 0;
    double outside = kReach;
    Eigen::Vector2d offset = Eigen::Vector2d::Zero();
    offset[axis] = sign * outside;
    if (Value(offset) <= tolerance) {
      ends[side] = sign * kReach;
      continue;
    }
    for (int i = 0; i < 60; ++i) {
      const double middle = 0.5 * (inside + outside);
      offset[axis] = sign * middle;
      (Value(offset) <= tolerance ? inside : outside) = middle;
    }
    ends[side] = sign * inside;
  }
  return ends;
}

}  // namespace sextant::fitting::optimum
