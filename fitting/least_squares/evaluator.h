// SPDX-License-Identifier: Apache-2.0
// A law, its data and an objective as one function of the walked parameters. The only place that knows about
// logarithms of parameters, residual kinds and compaction.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "fitting/law/law.h"
#include "fitting/least_squares/aligned.h"
#include "fitting/least_squares/kernels.h"
#include "fitting/least_squares/law_data.h"
#include "fitting/least_squares/objective.h"
#include "fitting/least_squares/parameter_map.h"

namespace sextant::fitting::solve {

/// What stands for the Hessian.
enum class Curvature {
  kExact,
  kReweighted,  ///< of iteratively reweighted least squares (Gauss-Newton for squares): positive
                ///< semi-definite, cheaper
};

/// Value, gradient and Hessian at a point. `hessian` is row-major k x k, both triangles.
struct Derivatives {
  double value = 0;
  std::vector<double> gradient, hessian;
};

/// Sum over rows of weight * huber(residual; delta). delta = infinity gives squares, a small one nearly |r| *
/// delta. One thread at a time; Clone for others. The data, law and map must outlive it.
class Evaluator {
 public:
  Evaluator(std::shared_ptr<const Law> law, const LawData& data, const ParameterMap& map,
            ResidualKind residual);
  std::unique_ptr<Evaluator> Clone() const;

  std::size_t rows() const { return observed_.size(); }  ///< of the data, whatever the weights
  std::size_t dimension() const { return map_.free_count(); }
  const ParameterMap& map() const { return map_; }
  BoundLaw& bound() { return *bound_; }
  ResidualKind residual_kind() const { return residual_; }

  double delta() const { return delta_; }
  void SetDelta(double delta) { delta_ = delta; }
  /// Replaces the weights (one a row, >= 0); rows of weight 0 cost nothing where the law can leave them out.
  void SetWeights(std::span<const double> weights);
  const std::vector<double>& weights() const { return weights_; }
  double total_weight() const { return total_weight_; }
  /// Replaces what is observed, on the residual's scale (logarithms where residuals are logarithmic).
  void SetObserved(std::span<const double> observed);
  const std::vector<double>& observed() const { return observed_; }

  /// Infinity in `value` where the law is not finite. The Hessian is exact for laws that offer second
  /// derivatives with log residuals, otherwise differenced from the Jacobian.
  void Evaluate(std::span<const double> walked, Derivatives& out, Curvature curvature = Curvature::kExact);

  /// Residuals of every row (weights ignored) and, if not null, d residual / d walked, [k * rows + row].
  /// False where the law is not finite.
  bool Residuals(std::span<const double> walked, std::vector<double>& residual,
                 std::vector<double>* jacobian);

  std::int64_t evaluations() const { return evaluations_; }

 private:
  void Resize(std::size_t points);
  void Gather(const std::vector<double>& rows, AlignedColumn& points) const;
  void EvaluateLaw(std::span<const double> natural, bool second);
  void AddDifferencedCurvature(std::span<const double> walked, Derivatives& out);

  std::shared_ptr<const Law> law_;
  const LawData& data_;
  const ParameterMap& map_;
  ResidualKind residual_;
  std::unique_ptr<BoundLaw> bound_;
  std::vector<std::pair<std::size_t, std::size_t>> pairs_;
  bool analytic_second_ = false;
  double delta_ = 1e-3;
  double total_weight_ = 0;
  std::int64_t evaluations_ = 0;

  std::vector<double> weights_, observed_;  // all rows
  std::vector<std::uint32_t> selected_;     // rows in the bound law, when compacted
  std::size_t drawn_ = 0;                   // of `selected_`; the rest only fill up its last vector
  bool compacted_ = false;
  std::size_t points_ = 0;  // that the bound law evaluates
  // As the bound law sees them, each with kPadding doubles more.
  AlignedColumn point_weights_, point_observed_, model_, jacobian_, second_, slope_, curvature_;
  std::vector<double> natural_, scale_, natural_gradient_, natural_hessian_, pair_sums_;
  std::vector<double> stepped_;
};

}  // namespace sextant::fitting::solve
