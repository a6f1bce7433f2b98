// SPDX-License-Identifier: Apache-2.0
// How a joint surface and its laws lie in the rows of an OptimumFit.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "fitting/optimum/bowl.h"
#include "fitting/optimum/hierarchical.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"
#include "fitting/optimum/regret.h"

namespace sextant::fitting::optimum {

/// Column names: the law's; surface.rate.{log_c,a,b}; surface.batch.{log_c,a,b} (centre of the bowl as laws
/// in N and D, for swept axes); surface.bowl.{0..11}; surface.drift.{params,tokens};
/// surface.centre.{log_params,log_tokens}; bend.{11,12,22,centre.1,centre.2}, how the target's law bends over
/// its variables, and partner_bend.*, the partner's over N and D (if swept); beyond.{params,tokens}, what is
/// added per ln of N and D outside the fitted range, and partner_beyond.*; partner_offset; offset.
std::vector<std::string> SurfaceRowNames(const OptimumOptions& options, Axes axes);

/// Writes one row: `law` fills the law's columns, `centre` the bowl's centre; `offset` = (ln rate, ln batch).
void WriteSurfaceRow(const OptimumOptions& options, const RegretLaws& law, const RegretLaws& centre,
                     const JointSurface& surface, Axes axes, const std::array<Bend, 2>& bend,
                     const Eigen::Vector2d& offset, double* row);

/// Columns of one bend: its quadratic form, then its centre.
inline constexpr int kBendColumns = 5;

/// The column of the first of a fit's bend columns: three of the target's bend, then its centre. Nothing in
/// fits of estimators without one.
std::optional<std::size_t> BendColumn(const OptimumModel& fit);
/// The first of two columns: what is added to the target's law per ln of N, and of D, beyond the fitted
/// range. Nothing in fits of earlier versions.
std::optional<std::size_t> BeyondColumn(const OptimumModel& fit);
/// Reads a bend from its columns.
Bend ReadBend(const double* columns);

/// Reads the surface back out of rows of a fit. Cheap to make; refers to nothing.
class SurfaceReader {
 public:
  /// Nothing if the fit's estimator has no surface.
  static std::optional<SurfaceReader> Make(const OptimumModel& fit);

  Axes axes() const { return axes_; }

  /// Centre of the bowl (ln rate, ln batch) at (ln N, ln D) for a row, its offsets included.
  Eigen::Vector2d Centre(const double* row, double log_params, double log_tokens) const;
  Bowl BowlAt(const double* row, double log_params, double log_tokens) const;

 private:
  Axes axes_;
  OptimumTarget target_ = OptimumTarget::kLearningRate;
  std::size_t rate_ = 0;
  std::size_t batch_ = 0;
  std::size_t bowl_ = 0;
  std::size_t drift_ = 0;
  std::size_t centre_ = 0;
  std::optional<std::size_t> bend_, partner_bend_, beyond_, partner_beyond_;
  FittedRange params_, tokens_;
  LawVariables variables_ = LawVariables::kParamsTokens;
  std::size_t partner_offset_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace sextant::fitting::optimum
