// SPDX-License-Identifier: Apache-2.0
// Extrapolation of any learning curve: y (a loss or an error) against x (examples, tokens or steps).
//
// Forms M1 to M4 and broken power laws (forms.h) are fitted to ln y. With CurveForm::kAuto the forms are
// scored on the curve's own tail (the last points are held out, several times over) and their predictions
// averaged in log space, so that no single form decides. Every estimate reported in `fits` is a converged
// Ceres solve.
#ifndef SEXTANT_FITTING_CURVE_EXTRAPOLATE_H_
#define SEXTANT_FITTING_CURVE_EXTRAPOLATE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sextant::fitting {

enum class CurveForm { kAuto, kM1, kM2, kM3, kM4, kBrokenPowerLaw };

struct ExtrapolateOptions {
  CurveForm form = CurveForm::kAuto;
  int max_breaks = 2;       // the number of breaks is chosen up to this, at most 3
  double confidence = 0.9;  // of the intervals, in (0, 1)
  uint64_t seed = 1;        // of the interval's draws
  // kAuto only: also fit every form by itself, to be reported beside the average. Nine tenths of the time.
  bool report_forms = false;
};

struct CurveParameter {
  std::string name;
  double estimate = 0;
};

// One form fitted to the whole curve.
struct CurveFormFit {
  std::string law;                         // "curve-m1" ... "curve-m4", "curve-bnsl"
  std::vector<CurveParameter> parameters;  // as forms.h names them
  double objective = 0;                    // sum of squared ln residuals
  double held_out_error = 0;               // root mean square ln error on the held-out tails; NaN when none
  double weight = 0;                       // share in the answer; the weights sum to 1
  int breaks = 0;
  bool converged = false;
};

struct ExtrapolatedPoint {
  double x = 0;  // exactly as asked
  double value = 0, low = 0, high = 0;
};

struct CurveExtrapolation {
  std::string law;                        // "curve-average", or the one form asked for
  std::vector<ExtrapolatedPoint> points;  // one for every finite positive `at`, in the order asked
  std::vector<CurveFormFit> fits;         // the one form asked for, or with report_forms all of them
  double noise = 0;                       // sd of ln y about the fit
  size_t points_used = 0;
  std::vector<std::string> warnings;
};

// InvalidArgument: lengths differ, an option or an `at` is not usable. FailedPrecondition: fewer than three
// usable points (finite, x > 0, y > 0, distinct x). Unusable points are dropped with a warning. Curves of any
// length are compressed to at most a few hundred bins of ln x first. Thread-safe, deterministic.
absl::StatusOr<CurveExtrapolation> ExtrapolateCurve(std::span<const double> x, std::span<const double> y,
                                                    std::span<const double> at,
                                                    const ExtrapolateOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_EXTRAPOLATE_H_
