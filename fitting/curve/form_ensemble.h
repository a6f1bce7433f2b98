// SPDX-License-Identifier: Apache-2.0
// The estimator behind CurveForm::kAuto: FormAverage twice, once with all points alike and once with the
// recent ones foremost. Curves that keep their shape want the first, curves that change want the second, and
// which is which shows too late; the mean of both is ahead of either (curve_families_bench).
#ifndef SEXTANT_FITTING_CURVE_FORM_ENSEMBLE_H_
#define SEXTANT_FITTING_CURVE_FORM_ENSEMBLE_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "fitting/curve/form_average.h"

namespace sextant::fitting {

class FormEnsemble {
 public:
  // `tuning.recency` is of the part with the recent points foremost.
  explicit FormEnsemble(const LogCurve& curve, const FormAverageTuning& tuning = {});

  // Mean of the parts' ln(y / y_last).
  double Predict(double u) const;
  // `draws` predictions at every u (row per draw), as many from either part.
  std::vector<std::vector<double>> Draw(std::span<const double> u, int draws, uint64_t seed) const;
  // Sd of v about the curve's forms: the lesser of the parts'.
  double noise() const;
  // Share of the weight of every form, by its law.
  std::map<std::string, double> Shares() const;

 private:
  std::vector<FormAverage> parts_;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_FORM_ENSEMBLE_H_
