#include "fitting/curve/form_average.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "fitting/curve/random.h"

namespace sextant::fitting {
FormAverage::FormAverage(const LogCurve& curve, const FormAverageTuning& tuning) : tuning_(tuning) {
  Build(curve);
  // A point far off also pulls the fit that judges it, so judge again.
  for (int round = 0; round < 3; ++round) {
    LogCurve trusted = curve;
    if (!Distrust(curve, trusted)) break;
    Build(trusted);
  }
}

void FormAverage::Build(const LogCurve& curve) {
  const size_t n = curve.u.size();
  curve_ = &curve;
  elements_.clear();
  heads_.clear();
  point_weight_.clear();
  offset_ = 0;
  for (size_t i = 0; i < n; ++i) {
    point_weight_.push_back(curve.weight[i] * std::exp(tuning_.recency * (curve.u[i] - curve.u.back())));
  }
  const double mean =
      std::accumulate(point_weight_.begin(), point_weight_.end(), 0.0) / static_cast<double>(n);
  for (double& w : point_weight_) w /= mean;
  for (double share : {.55, .7, .82}) {
    const auto head = static_cast<size_t>(std::lround(share * static_cast<double>(n)));
    if (head >= 4 && head < n && (heads_.empty() || heads_.back() != head)) heads_.push_back(head);
  }
  variance_floor_ = curve.noise * curve.noise + tuning_.misfit * tuning_.misfit;
  AddM3(curve);
  AddM4(curve);
  AddBreaks(curve);
  Normalise();
  // What the last points share beyond the fit is partly a lasting deviation of this run.
  double residual = 0, total = 0;
  for (size_t i = n; i-- > 0 && curve.u[i] > -.9;) {
    const double w = curve.weight[i] * std::exp(curve.u[i] / .3);
    residual += w * (curve.v[i] - Predict(curve.u[i]));
    total += w;
  }
  offset_ = tuning_.anchor * residual / total;
  curve_ = nullptr;
}

// Points far off what was fitted lose weight in `trusted`, as the square of how far: false when there are
// none. A short curve has too few points to say which one is off.
bool FormAverage::Distrust(const LogCurve& curve, LogCurve& trusted) const {
  const size_t n = curve.u.size();
  if (n < 7) return false;
  std::vector<double> residual, size;
  for (size_t i = 0; i < n; ++i) {
    residual.push_back(std::fabs(curve.v[i] - Predict(curve.u[i])));
  }
  size = residual;
  std::nth_element(size.begin(), size.begin() + static_cast<std::ptrdiff_t>(n / 2), size.end());
  const double limit = tuning_.outlier * (1.4826 * size[n / 2] + tuning_.misfit);
  bool any = false;
  std::vector<double> trust(n, 1.0);
  for (size_t i = 0; i < n; ++i) {
    if (residual[i] <= limit) continue;
    any = true;
    trust[i] = limit * limit / (residual[i] * residual[i]);
    trusted.weight[i] *= trust[i];
  }
  if (any) trusted.noise = CurveNoise(curve.u, curve.v, trust);
  return any;
}

void FormAverage::Normalise() {
  double best = -1e300;
  for (const GridElement& e : elements_) best = std::max(best, e.weight);
  double sum = 0;
  for (GridElement& e : elements_) sum += e.weight = std::exp(e.weight - best);
  // What carries no weight need not be evaluated again.
  for (GridElement& e : elements_) e.weight /= sum;
  std::erase_if(elements_, [](const GridElement& e) { return e.weight < 1e-5; });
  sum = 0;
  for (const GridElement& e : elements_) sum += e.weight;
  for (GridElement& e : elements_) e.weight /= sum;
}

double FormAverage::Predict(double u) const {
  std::vector<std::pair<double, double>> predicted;  // value, weight
  for (const GridElement& e : elements_) predicted.emplace_back(e.Predict(u, e.linear), e.weight);
  std::sort(predicted.begin(), predicted.end());
  double before = 0, sum = 0, total = 0;
  for (const auto& [value, weight] : predicted) {
    const double share = std::min(before + weight, 1 - tuning_.trim) - std::max(before, tuning_.trim);
    before += weight;
    if (share <= 0) continue;
    sum += share * value;
    total += share;
  }
  return offset_ + sum / total;
}

std::vector<std::vector<double>> FormAverage::Draw(std::span<const double> u, int draws,
                                                   uint64_t seed) const {
  // Points close together share a run's wandering: beyond some number they tell little more about the form.
  const double temper = std::min(1.0, tuning_.independent / static_cast<double>(point_weight_.size()));
  std::vector<double> cumulative;
  double sum = 0;
  for (const GridElement& e : elements_) cumulative.push_back(sum += std::pow(e.weight, temper));
  std::vector<std::vector<double>> result;
  for (int d = 0; d < draws; ++d) {
    RandomStream random(seed, static_cast<uint64_t>(d));
    const double pick = random.Uniform() * sum;
    const auto at = std::lower_bound(cumulative.begin(), cumulative.end(), pick) - cumulative.begin();
    const GridElement& e = elements_[std::min<size_t>(static_cast<size_t>(at), elements_.size() - 1)];
    const Eigen::Map<const Eigen::Matrix<double, 3, 3, Eigen::RowMajor>> covariance(e.covariance.data());
    const Eigen::LDLT<Eigen::Matrix3d> factor(covariance);
    Eigen::Vector3d z;
    for (int k = 0; k < 3; ++k) z[k] = random.Normal();
    const Eigen::Vector3d scaled = factor.vectorD().cwiseMax(0).cwiseSqrt().cwiseProduct(z);
    Eigen::Vector3d step = factor.matrixL() * scaled;
    step = factor.transpositionsP().transpose() * step;
    std::array<double, 3> k = e.linear;
    for (int i = 0; i < 3; ++i) k[i] += step[i] * std::sqrt(e.residual_variance / temper);
    std::vector<double> row;
    for (double at_u : u) row.push_back(offset_ + e.Predict(at_u, k));
    result.push_back(std::move(row));
  }
  return result;
}

}  // namespace sextant::fitting
