// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/form_average.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "base/give_up.h"
#include "base/random.h"

namespace sextant::fitting {
namespace {

// Of v and of its noise: what a double of y resolves.
constexpr double kLeastNoise = 1e-9;
constexpr double kSignificant = 4;
constexpr double kNegligible = .01;  // share of the weight that the least of the grid carry together
// A form is polished where that leaves at most this share of the residuals of the grid's best: then the curve
// follows the form, and the grid is too coarse for it. With noise the two are alike, and least squares are
// the worse for following the noise.
constexpr double kExactShare = .25;
constexpr double kSmooth = .9;
constexpr double kPlain =
    1.5;  // residuals of the form that fits best, as which the noise of a point counts at most
constexpr double kShrinks = .7;  // of the noise, to fit the grid again

// Does the curve end at least half of its way back up from its lowest point, by more than noise can do? A
// shorter rise at the end is a bump.
bool RisesOnTheWhole(const LogCurve& curve) {
  const size_t n = curve.v.size(), few = std::max<size_t>(1, n / 10);
  const auto mean = [&](size_t from) {
    return std::accumulate(curve.v.begin() + static_cast<std::ptrdiff_t>(from),
                           curve.v.begin() + static_cast<std::ptrdiff_t>(from + few), 0.0) /
           static_cast<double>(few);
  };
  const double begin = mean(0), end = mean(n - few);
  double least = end;
  for (size_t i = 0; i + few <= n; ++i) least = std::min(least, mean(i));
  return end - least >= std::max(.5 * (begin - least), kSignificant * curve.noise);
}

// Are the residuals of the form that comes nearest a slow wave, as where the grid is too coarse for the
// curve? Independent noise has a ratio of 2 (Durbin and Watson 1950).
bool FollowsASmoothMisfit(const GridElement& e, const LogCurve& curve) {
  double steps = 0, sizes = 0, before = 0;
  for (size_t i = 0; i < curve.u.size(); ++i) {
    const double residual = curve.v[i] - e.Predict(curve.u[i], e.linear);
    if (i > 0) steps += (residual - before) * (residual - before);
    sizes += residual * residual;
    before = residual;
  }
  return steps < kSmooth * sizes;
}

// Coefficients of a grid element, by their covariance.
std::array<double, 3> DrawLinear(const GridElement& e, double sd, RandomStream& random) {
  const Eigen::Map<const Eigen::Matrix<double, 3, 3, Eigen::RowMajor>> covariance(e.covariance.data());
  const Eigen::LDLT<Eigen::Matrix3d> factor(covariance);
  Eigen::Vector3d z;
  for (int k = 0; k < 3; ++k) z[k] = random.Normal();
  const Eigen::Vector3d scaled = factor.vectorD().cwiseMax(0).cwiseSqrt().cwiseProduct(z);
  Eigen::Vector3d step = factor.matrixL() * scaled;
  step = factor.transpositionsP().transpose() * step;
  std::array<double, 3> k = e.linear;
  for (int i = 0; i < 3; ++i) k[i] += step[i] * sd;
  return k;
}

}  // namespace

FormAverage::FormAverage(const LogCurve& curve, const FormAverageTuning& tuning) : tuning_(tuning) {
  trusted_ = curve;
  Build(curve);
  // A point far off also pulls the fit that judges it, so judge again.
  for (int round = 0; round < tuning.rounds; ++round) {
    LogCurve trusted = curve;
    if (!Distrust(curve, trusted)) break;
    trusted_ = std::move(trusted);
    Build(trusted_);
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
  noise_ = prior_noise_ = curve.noise;
  misfit_ = tuning_.misfit;
  variance_floor_ = prior_noise_ * prior_noise_ + misfit_ * misfit_;
  points_ = n;
  may_rise_ = RisesOnTheWhole(curve);
  AddGrid(curve);
  // What second differences take for noise is partly the bend between few points: where a form of the grid
  // leaves less, priors must not weigh more than that.
  double least = std::numeric_limits<double>::infinity();
  for (const GridElement& e : elements_) least = std::min(least, e.residual_variance);
  if (const double left = tuning_.bend * std::sqrt(least); left < kShrinks * prior_noise_) {
    prior_noise_ = left;
    variance_floor_ = prior_noise_ * prior_noise_ + misfit_ * misfit_;
    elements_.clear();
    AddGrid(curve);
  }
  Polish(curve);
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

void FormAverage::AddGrid(const LogCurve& curve) {
  AddM3(curve);
  AddM4(curve);
  AddBreaks(curve);
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

// The best element of each family, with floor, ceiling and place of the break set free as well.
void FormAverage::Polish(const LogCurve& curve) {
  polished_.clear();
  double least = std::numeric_limits<double>::infinity();
  const GridElement* closest = nullptr;
  for (const GridElement& e : elements_) {
    if (e.residual_variance >= least) continue;
    least = e.residual_variance;
    closest = &e;
  }
  if (closest == nullptr || !FollowsASmoothMisfit(*closest, curve)) return;
  const auto best = [&](auto belongs) {
    const GridElement* found = nullptr;
    double most = -std::numeric_limits<double>::infinity();
    for (const GridElement& e : elements_) {
      if (!belongs(e)) continue;
      const double weight = e.weight + Evidence(e.mean_square, e.held_out);
      if (weight > most) {
        most = weight;
        found = &e;
      }
    }
    return found;
  };
  LogCurve weighted = curve;
  weighted.weight = point_weight_;
  const auto add = [&](CurveForm form, const std::vector<double>& start, double family) {
    std::optional<PolishedForm> polished = PolishForm(form, start, weighted, heads_, .8 * least);
    if (!polished) return;
    polished->residual_variance = polished->mean_square * static_cast<double>(points_) /
                                  std::max(1.0, static_cast<double>(points_) - polished->form.parameters());
    if (polished->residual_variance > kExactShare * kExactShare * least) return;
    polished->prior = std::log(family);
    polished_.push_back(*std::move(polished));
  };
  const auto log_of = [](double value) { return std::log(std::max(value, 1e-6)); };
  const double greatest = std::exp(*std::max_element(curve.v.begin(), curve.v.end()));
  if (const GridElement* e =
          best([](const GridElement& g) { return g.family == GridFamily::kM4 && g.fixed[0] == 0; }))
    add(CurveForm::kM2, {e->linear[0], e->linear[1], log_of(e->fixed[1])}, tuning_.family_m4);
  for (const auto& range : {std::pair(.1, .8), std::pair(.8, 1.3), std::pair(1.3, 9.)}) {
    const GridElement* e = best([&](const GridElement& g) {
      return g.family == GridFamily::kM4 && g.fixed[0] > range.first && g.fixed[0] <= range.second;
    });
    if (e == nullptr) continue;
    add(CurveForm::kM4,
        {e->linear[0], e->linear[1], e->fixed[0], log_of(e->fixed[1]), log_of(e->fixed[2] - greatest)},
        tuning_.family_m4);
  }
  if (const GridElement* e = best([](const GridElement& g) { return g.family == GridFamily::kM3; }))
    add(CurveForm::kM3, {e->linear[0], e->linear[1], log_of(e->fixed[0])}, tuning_.family_m3);
  if (const GridElement* e = best([](const GridElement& g) { return g.family == GridFamily::kBreak; })) {
    add(CurveForm::kBrokenPowerLaw,
        {log_of(e->fixed[0]), e->linear[0], e->linear[1], e->linear[2], e->fixed[1], std::log(e->fixed[2])},
        tuning_.family_break);
  }
}

double FormAverage::Evidence(double mean_square, double held_out) const {
  const auto count = static_cast<double>(points_);
  const double fit = -.5 * tuning_.fit_power * count * std::log(mean_square + variance_floor_);
  if (heads_.empty()) return fit;
  return fit - .5 * tuning_.tail_power * count * .35 * std::log(held_out + variance_floor_);
}

void FormAverage::Normalise() {
  double least = std::numeric_limits<double>::infinity();
  for (const GridElement& e : elements_) least = std::min(least, e.residual_variance);
  for (const PolishedForm& p : polished_) least = std::min(least, p.residual_variance);
  // A curve that some form follows exactly has neither noise nor misfit, whatever its points' scatter looks
  // like.
  const double most = tuning_.exact * std::sqrt(least);
  noise_ = std::clamp(noise_, 0.0, kPlain * std::sqrt(least));
  prior_noise_ = std::clamp(prior_noise_, 0.0, most);
  misfit_ = std::clamp(misfit_, 0.0, most);
  variance_floor_ = prior_noise_ * prior_noise_ + misfit_ * misfit_ + kLeastNoise * kLeastNoise;
  double best = -1e300;
  for (GridElement& e : elements_) {
    e.residual_variance += misfit_ * misfit_;
    best = std::max(best, e.weight += Evidence(e.mean_square, e.held_out));
  }
  for (PolishedForm& p : polished_) {
    p.residual_variance += misfit_ * misfit_;
    best = std::max(best, p.weight = p.prior + Evidence(p.mean_square, p.held_out));
  }
  double sum = 0;
  for (GridElement& e : elements_) sum += e.weight = std::exp(e.weight - best);
  for (PolishedForm& p : polished_) sum += p.weight = std::exp(p.weight - best);
  // What carries next to no weight need not be evaluated again: most of the grid.
  std::vector<double> weights;
  for (const GridElement& e : elements_) weights.push_back(e.weight);
  std::sort(weights.begin(), weights.end());
  double cut = 0, below = 0;
  for (size_t i = 0; i < weights.size() && (below += weights[i]) < kNegligible * sum; ++i) cut = weights[i];
  std::erase_if(elements_, [&](const GridElement& e) { return e.weight <= cut; });
  std::erase_if(polished_, [&](const PolishedForm& p) { return p.weight < 1e-5 * sum; });
  sum = 0;
  for (const GridElement& e : elements_) sum += e.weight;
  for (const PolishedForm& p : polished_) sum += p.weight;
  for (GridElement& e : elements_) e.weight /= sum;
  for (PolishedForm& p : polished_) p.weight /= sum;
}

double FormAverage::Predict(double u) const {
  std::vector<std::pair<double, double>> predicted;  // value, weight
  const auto add = [&](double value, double at_end, double weight) {
    predicted.emplace_back(u > 0 ? Falling(value, at_end) : value, weight);
  };
  for (const GridElement& e : elements_) add(e.Predict(u, e.linear), e.Predict(0, e.linear), e.weight);
  for (const PolishedForm& p : polished_) add(p.Predict(u), p.Predict(0), p.weight);
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
  for (const PolishedForm& p : polished_) cumulative.push_back(sum += std::pow(p.weight, temper));
  std::vector<std::vector<double>> result;
  for (int d = 0; d < draws; ++d) {
    CheckGivenUp();
    RandomStream random(seed, static_cast<uint64_t>(d));
    // One draw from each of as many equal shares of the weight: fewer draws then do.
    const double pick = (d + random.Uniform()) / draws * sum;
    const auto found = std::lower_bound(cumulative.begin(), cumulative.end(), pick) - cumulative.begin();
    const size_t index = std::min(static_cast<size_t>(found), cumulative.size() - 1);
    std::vector<double> row;
    const auto add = [&](auto predict) {
      const double at_end = may_rise_ ? 0 : predict(0.0);
      for (double at : u) row.push_back(offset_ + (at > 0 ? Falling(predict(at), at_end) : predict(at)));
    };
    if (index < elements_.size()) {
      const GridElement& e = elements_[index];
      const std::array<double, 3> k = DrawLinear(e, std::sqrt(e.residual_variance / temper), random);
      add([&](double at) { return e.Predict(at, k); });
    } else {
      const PolishedForm& p = polished_[index - elements_.size()];
      std::vector<double> normal;
      for (size_t i = 0; i < p.parameters.size(); ++i) normal.push_back(random.Normal());
      const std::vector<double> k = p.Drawn(normal, std::sqrt(p.residual_variance / temper));
      add([&](double at) { return p.form.Evaluate(k.data(), at, nullptr); });
    }
    result.push_back(std::move(row));
  }
  return result;
}

}  // namespace sextant::fitting
