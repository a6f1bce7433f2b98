// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/estimators.h"

#include <absl/strings/str_cat.h>

#include "fitting/optimum/average_estimator.h"
#include "fitting/optimum/hierarchical_estimator.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/votes.h"

namespace sextant::fitting {
namespace {

using Cells = std::vector<optimum::Cell>;

absl::StatusOr<OptimumFit> Band(const Cells& cells, optimum::Axes, const OptimumOptions& options) {
  return optimum::FitByVotes(cells, options, optimum::BandVotes(options, options.band));
}

absl::StatusOr<OptimumFit> Argmin(const Cells& cells, optimum::Axes, const OptimumOptions& options) {
  return optimum::FitByVotes(cells, options, optimum::BandVotes(options, 0.0));
}

absl::StatusOr<OptimumFit> SoftBand(const Cells& cells, optimum::Axes, const OptimumOptions& options) {
  return optimum::FitByVotes(cells, options, optimum::SoftBandVotes(options, options.band));
}

absl::StatusOr<OptimumFit> Quadratic(const Cells& cells, optimum::Axes, const OptimumOptions& options) {
  return optimum::FitByVotes(cells, options, optimum::QuadraticVotes(options, options.band));
}

absl::StatusOr<OptimumFit> Surface(const Cells& cells, optimum::Axes axes, const OptimumOptions& options) {
  return optimum::FitJoint(cells, axes, options, optimum::JointKind::kSurface);
}

absl::StatusOr<OptimumFit> Regret(const Cells& cells, optimum::Axes axes, const OptimumOptions& options) {
  return optimum::FitJoint(cells, axes, options, optimum::JointKind::kRegret);
}

absl::StatusOr<OptimumFit> Hierarchical(const Cells& cells, optimum::Axes axes,
                                        const OptimumOptions& options) {
  return optimum::FitHierarchical(cells, axes, options);
}

absl::StatusOr<OptimumFit> Average(const Cells& cells, optimum::Axes axes, const OptimumOptions& options) {
  return optimum::FitAverage(cells, axes, options);
}

constexpr OptimumEstimator kEstimators[] = {
    {"band", "all runs within the near-optimal band of their cell", false, Band},
    {"argmin", "each cell's best run", false, Argmin},
    {"soft-band", "all runs, weighted with exp(-excess / band)", false, SoftBand},
    {"quadratic", "each cell's vertex of a quadratic", false, Quadratic},
    {"surface", "the valley of one loss surface over all runs", true, Surface},
    {"regret", "that surface, for the least expected excess loss", true, Regret},
    {"hierarchical", "laws that every cell's own evidence is pulled towards", true, Hierarchical},
    {"average", "the mean of regret and hierarchical", true, Average},
};

}  // namespace

std::span<const OptimumEstimator> OptimumEstimators() { return kEstimators; }

const OptimumEstimator* FindOptimumEstimator(const std::string& name) {
  for (const OptimumEstimator& estimator : kEstimators) {
    if (name == estimator.name) return &estimator;
  }
  return nullptr;
}

const std::vector<std::string>& EstimatorNames() {
  static const std::vector<std::string>* const names = [] {
    auto* all = new std::vector<std::string>{"auto"};
    for (const OptimumEstimator& estimator : kEstimators) all->push_back(estimator.name);
    return all;
  }();
  return *names;
}

std::string ListOptimumEstimators(bool joint) {
  std::vector<std::string> names;
  for (const OptimumEstimator& estimator : kEstimators) {
    if (estimator.joint == joint) names.push_back(estimator.name);
  }
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    absl::StrAppend(&list, i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
  }
  return list;
}

}  // namespace sextant::fitting
