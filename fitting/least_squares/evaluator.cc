// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/evaluator.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sextant::fitting::solve {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::span<const double>> Spans(const LawData& data) {
  std::vector<std::span<const double>> spans;
  for (const std::vector<double>& column : data.columns) spans.emplace_back(column);
  return spans;
}

}  // namespace

Evaluator::Evaluator(std::shared_ptr<const Law> law, const LawData& data, const ParameterMap& map,
                     ResidualKind residual)
    : law_(std::move(law)),
      data_(data),
      map_(map),
      residual_(residual),
      bound_(BoundLaw::Bind(law_, Spans(data))) {
  if (auto pairs = bound_->SecondDerivativePairs(); pairs && residual_ == ResidualKind::kLog) {
    analytic_second_ = true;
    pairs_ = std::move(*pairs);
  }
  observed_ = data.observed;
  if (residual_ == ResidualKind::kLog) {
    for (double& value : observed_) value = std::log(value);
  }
  const std::size_t p = map_.natural_count();
  natural_.resize(p);
  scale_.resize(p);
  natural_gradient_.resize(p);
  natural_hessian_.resize(p * p);
  pair_sums_.resize(pairs_.size());
  weights_ = data.weights.empty() ? std::vector<double>(data.size(), 1.0) : data.weights;
  SetWeights(weights_);
}

std::unique_ptr<Evaluator> Evaluator::Clone() const {
  auto copy = std::make_unique<Evaluator>(law_, data_, map_, residual_);
  copy->delta_ = delta_;
  copy->observed_ = observed_;
  copy->SetWeights(weights_);
  return copy;
}

void Evaluator::Resize(std::size_t points) {
  points_ = points;
  const auto padded = [points](AlignedColumn& columns, std::size_t count) {
    columns.resize(count * points + kPadding);
    std::fill(columns.end() - kPadding, columns.end(), 0.0);
  };
  padded(model_, 1);
  padded(slope_, 1);
  padded(curvature_, 1);
  padded(jacobian_, map_.natural_count());
  padded(second_, pairs_.size());
}

void Evaluator::SetWeights(std::span<const double> weights) {
  if (weights.data() != weights_.data()) weights_.assign(weights.begin(), weights.end());
  total_weight_ = 0;
  selected_.clear();
  for (std::size_t row = 0; row < weights_.size(); ++row) {
    total_weight_ += weights_[row];
    if (weights_[row] > 0) selected_.push_back(static_cast<std::uint32_t>(row));
  }
  drawn_ = selected_.size();
  // A law that already evaluates a subset must be told even when every row is wanted again.
  const bool wanted = drawn_ > 0 && (compacted_ || drawn_ < weights_.size());
  // Columns whose length is a multiple of a vector stay aligned; the rows that fill them up weigh nothing.
  while (wanted && selected_.size() % kPadding != 0) selected_.push_back(selected_.front());
  compacted_ = wanted && bound_->SelectPoints(selected_);
  Resize(compacted_ ? selected_.size() : weights_.size());
  Gather(weights_, point_weights_);
  Gather(observed_, point_observed_);
}

void Evaluator::SetObserved(std::span<const double> observed) {
  observed_.assign(observed.begin(), observed.end());
  Gather(observed_, point_observed_);
}

// Rows -> points of the bound law; zeros from the last row drawn to the end of the padding.
void Evaluator::Gather(const std::vector<double>& rows, AlignedColumn& points) const {
  points.clear();
  points.reserve(points_ + kPadding);
  if (compacted_) {
    for (std::size_t i = 0; i < drawn_; ++i) points.push_back(rows[selected_[i]]);
  } else {
    points.assign(rows.begin(), rows.end());
  }
  points.resize(points_ + kPadding, 0.0);
}

void Evaluator::EvaluateLaw(std::span<const double> natural, bool second) {
  ++evaluations_;
  const std::span<double> model(model_.data(), points_);
  const std::span<double> jacobian(jacobian_.data(), points_ * map_.natural_count());
  if (residual_ == ResidualKind::kLevel) {
    bound_->ValuesAndJacobian(natural, model, jacobian);
  } else if (second && analytic_second_) {
    bound_->LogValuesAndSecondDerivatives(natural, model, jacobian,
                                          {second_.data(), points_ * pairs_.size()});
  } else {
    bound_->LogValuesAndJacobian(natural, model, jacobian);
  }
}

void Evaluator::Evaluate(std::span<const double> walked, Derivatives& out, Curvature curvature) {
  const std::size_t k = dimension();
  const std::size_t p = map_.natural_count();
  out.gradient.assign(k, 0.0);
  out.hessian.assign(k * k, 0.0);
  map_.ToNatural(walked, natural_);
  const bool exact = curvature == Curvature::kExact;
  const bool analytic = exact && analytic_second_;
  EvaluateLaw(natural_, exact);

  AccumulateInput in;
  in.points = points_;
  in.parameters = p;
  in.model = model_.data();
  in.observed = point_observed_.data();
  in.weights = point_weights_.data();
  in.jacobian = jacobian_.data();
  in.second = second_.data();
  in.pairs = analytic ? pairs_.size() : 0;
  in.relative_second = analytic;
  in.majorise = !exact;
  in.delta = delta_;
  AccumulateOutput sums;
  sums.slope = slope_.data();
  sums.curvature = curvature_.data();
  sums.gradient = natural_gradient_.data();
  sums.hessian = natural_hessian_.data();
  sums.pair_sums = pair_sums_.data();
  static const AccumulateFunction accumulate = Accumulate();
  accumulate(in, &sums);
  out.value = std::isfinite(sums.objective) ? sums.objective : kInfinity;
  if (out.value == kInfinity) return;

  for (std::size_t pair = 0; pair < in.pairs; ++pair) {
    const auto [a, b] = pairs_[pair];
    natural_hessian_[std::max(a, b) * p + std::min(a, b)] += pair_sums_[pair];
  }
  const std::vector<ParameterMap::Free>& free = map_.free();
  for (std::size_t i = 0; i < k; ++i) {
    const std::size_t a = free[i].index;
    scale_[i] = free[i].log ? natural_[a] : 1.0;
    out.gradient[i] = natural_gradient_[a] * scale_[i];
    for (std::size_t j = 0; j <= i; ++j) {
      const std::size_t b = free[j].index;
      const double entry = natural_hessian_[std::max(a, b) * p + std::min(a, b)] * scale_[i] * scale_[j];
      out.hessian[i * k + j] = out.hessian[j * k + i] = entry;
    }
    if (free[i].log && analytic) out.hessian[i * k + i] += out.gradient[i];
  }
  if (exact && !analytic_second_) AddDifferencedCurvature(walked, out);
  for (std::size_t i = 0; i < k; ++i) {
    if (!std::isfinite(out.gradient[i])) out.value = kInfinity;
    for (std::size_t j = 0; j < k; ++j) {
      if (!std::isfinite(out.hessian[i * k + j])) out.value = kInfinity;
    }
  }
}

// Sum of slope * (second derivative of the residual), from differences of the Jacobian with the slopes held:
// the kinks of the robust loss stay out of the difference.
void Evaluator::AddDifferencedCurvature(std::span<const double> walked, Derivatives& out) {
  const std::size_t k = dimension();
  const std::size_t n = points_;
  const std::vector<ParameterMap::Free>& free = map_.free();
  stepped_.assign(walked.begin(), walked.end());
  std::vector<double> difference(k * k, 0.0);
  for (std::size_t j = 0; j < k; ++j) {
    const double magnitude = std::max(std::abs(walked[j]), free[j].log ? 1.0 : 1e-3);
    double step = 1e-6 * magnitude;
    if (walked[j] + step > free[j].high) step = -step;
    stepped_[j] = walked[j] + step;
    map_.ToNatural(stepped_, natural_);
    EvaluateLaw(natural_, false);
    for (std::size_t i = 0; i < k; ++i) {
      const double* column = jacobian_.data() + free[i].index * n;
      double sum = 0;
      for (std::size_t row = 0; row < n; ++row) {
        if (point_weights_[row] > 0) sum += slope_[row] * column[row];
      }
      const double scale = free[i].log ? natural_[free[i].index] : 1.0;
      difference[i * k + j] = (sum * scale - out.gradient[i]) / (stepped_[j] - walked[j]);
    }
    stepped_[j] = walked[j];
  }
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      const double entry = 0.5 * (difference[i * k + j] + difference[j * k + i]);
      if (std::isfinite(entry)) out.hessian[i * k + j] += entry;
    }
  }
}

bool Evaluator::Residuals(std::span<const double> walked, std::vector<double>& residual,
                          std::vector<double>* jacobian) {
  if (compacted_) {
    // Diagnostics ask for every row; the weights stay as they are.
    std::vector<std::uint32_t> all(rows());
    for (std::size_t row = 0; row < all.size(); ++row) all[row] = static_cast<std::uint32_t>(row);
    bound_->SelectPoints(all);
    Resize(all.size());
  }
  const std::size_t k = dimension();
  const std::size_t n = rows();
  map_.ToNatural(walked, natural_);
  EvaluateLaw(natural_, false);
  residual.resize(n);
  bool finite = true;
  for (std::size_t row = 0; row < n; ++row) {
    residual[row] = model_[row] - observed_[row];
    finite = finite && (std::isfinite(residual[row]) || weights_[row] == 0);
  }
  if (jacobian != nullptr) {
    jacobian->resize(k * n);
    for (std::size_t i = 0; i < k; ++i) {
      const ParameterMap::Free& free = map_.free()[i];
      const double scale = free.log ? natural_[free.index] : 1.0;
      const double* column = jacobian_.data() + free.index * n;
      for (std::size_t row = 0; row < n; ++row) {
        (*jacobian)[i * n + row] = column[row] * scale;
        finite = finite && (std::isfinite(column[row]) || weights_[row] == 0);
      }
    }
  }
  if (compacted_) {
    bound_->SelectPoints(selected_);
    Resize(selected_.size());
  }
  return finite;
}

}  // namespace sextant::fitting::solve
