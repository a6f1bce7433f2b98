// SPDX-License-Identifier: Apache-2.0
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
  Eigen::Vector2d offset;
  offset[1 - free_axis] = fixed;
  offset[free_axis] = 0;
  // The derivative along the free axis rises (the bowl is convex): Newton, kept within the bracket.
  for (int i = 0; i < 60; ++i) {
    Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
    Expected(offset, Eigen::Matrix2d::Zero(), &gradient);
    (gradient[free_axis] > 0 ? high : low) = offset[free_axis];
    double next = offset[free_axis] - gradient[free_axis] / Hessian(offset)(free_axis, free_axis);
    if (!(next > low && next < high)) {
      next = 0.5 * (low + high);
    }
    const double step = next - offset[free_axis];
    offset[free_axis] = next;
    if (std::abs(step) < 1e-12) {
      break;
    }
  }
  return offset[free_axis];
}

std::array<double, 2> Bowl::NearConditional(int axis, double fixed, double tolerance) const {
  Eigen::Vector2d offset;
  offset[1 - axis] = fixed;
  offset[axis] = ConditionalOptimum(axis, fixed);
  const double bottom = offset[axis];
  const double limit = Value(offset) + tolerance;
  const double width = std::sqrt(2 * tolerance / Hessian(offset)(axis, axis));
  std::array<double, 2> ends{};
  for (int side = 0; side < 2; ++side) {
    double inside = bottom;
    double outside = side == 0 ? -kReach : kReach;
    offset[axis] = outside;
    if (Value(offset) <= limit) {
      ends[side] = outside;
      continue;
    }
    // The bowl is convex: Newton from outside never passes the end, and a step from inside lands outside.
    offset[axis] = bottom + (side == 0 ? -width : width);
    for (int i = 0; i < 60; ++i) {
      const double at = offset[axis];
      Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
      const double above = Expected(offset, Eigen::Matrix2d::Zero(), &gradient) - limit;
      (above <= 0 ? inside : outside) = at;
      double next = at - above / gradient[axis];
      if (!(std::min(inside, outside) <= next && next <= std::max(inside, outside))) {
        next = 0.5 * (inside + outside);
      }
      offset[axis] = next;
      if (std::abs(next - at) < 1e-12) break;
    }
    ends[side] = offset[axis];
  }
  return ends;
}

}  // namespace sextant::fitting::optimum
