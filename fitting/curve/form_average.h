// SPDX-License-Identifier: Apache-2.0
// A weighted average over a dense grid of learning-curve forms: the estimator behind CurveForm::kAuto.
//
// M4 (which holds M1, M2 and the rectified law as special cases), M3 and one-break power laws become linear
// in their remaining parameters once floor, ceiling, exponent alpha, and place and sharpness of the break are
// fixed. Each grid element is therefore a weighted linear regression in closed form, for the whole curve and
// for every head of it that leaves a tail out. Elements are weighted by how well they predict those tails and
// how well they fit, and predictions are averaged in log space. Hundreds of forms cost about a millisecond,
// and no single one decides.
#ifndef SEXTANT_FITTING_CURVE_FORM_AVERAGE_H_
#define SEXTANT_FITTING_CURVE_FORM_AVERAGE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fitting/curve/log_curve.h"
#include "fitting/curve/polished_form.h"

namespace sextant::fitting {

enum class GridFamily { kM3, kM4, kBreak };

struct GridElement {
  GridFamily family = GridFamily::kM4;
  // kM4: alpha, eps_inf, eps_0 (relative to y_last). kM3: gamma (relative to 1/x_last). kBreak: floor, ln d,
  // f.
  std::array<double, 3> fixed{};
  std::array<double, 3> linear{};      // intercept, slope(s)
  std::array<double, 9> covariance{};  // of `linear`, for unit residual variance, row-major
  double residual_variance = 0;        // of v
  double mean_square = 0;              // weighted mean of the squared residuals of v
  double held_out = 0;                 // mean squared error of v over the held-out tails
  double weight = 0;                   // the logarithm of its prior until normalised
  // ln(y / y_last) at u, for coefficients near `linear`.
  double Predict(double at, const std::array<double, 3>& coefficients) const;
};

// Chosen by leaving whole families of curves out (curve_families_bench), rounded, and left where a wide range
// did equally well.
struct FormAverageTuning {
  double recency = 1.8;      // weight of a point falls by e^-recency for every unit of u before the last
  double fit_power = 0.9;    // evidence a point carries in the fit
  double tail_power = 0.45;  // evidence a point carries in the held-out tails
  double family_m3 = 0.1, family_m4 = 1, family_break = 0.15;  // prior weights
  double slope_mean = 0.35, slope_sd = 0.25;                   // prior of the exponent
  double change_sd = 0.5;                                      // prior of the exponent's change at a break
  double floor_slope = 1.5;  // preference for low floors (per unit of floor / last value)
  double anchor = 0.5;       // share of the last points' mean residual that is carried on
  double misfit = 0.002;     // model misfit added to the noise, sd of v
  double outlier = 2.5;      // median absolute residuals (as sd) beyond which a point loses weight
  int rounds = 3;            // of judging points that are far off
  double independent = 20;   // points that count as independent evidence in the intervals
  double trim = 0.1;         // share of the weight cut off at either end of the predictions
  double bend = 1;   // residuals of the form that fits best, as which the noise of a curve counts at most
  double exact = 3;  // noise and misfit are at most this many residuals of the form that fits best
};

class FormAverage {
 public:
  explicit FormAverage(const LogCurve& curve, const FormAverageTuning& tuning = {});

  // Trimmed mean over the elements of the predicted ln(y / y_last).
  double Predict(double u) const;
  // `draws` predictions at every u (row per draw): an element by weight, coefficients by their covariance.
  std::vector<std::vector<double>> Draw(std::span<const double> u, int draws, uint64_t seed) const;
  const std::vector<GridElement>& elements() const { return elements_; }
  const std::vector<PolishedForm>& polished() const { return polished_; }
  // Sd of v about the curve's forms: the curve's own noise, or less where a form fits it better than that.
  double noise() const { return noise_; }
  // The curve with the weights that points far off were left with.
  const LogCurve& trusted() const { return trusted_; }

 private:
  void Build(const LogCurve& curve);
  bool Distrust(const LogCurve& curve, LogCurve& trusted) const;
  void AddGrid(const LogCurve& curve);
  void AddM3(const LogCurve& curve);
  void AddM4(const LogCurve& curve);
  void AddBreaks(const LogCurve& curve);
  template <int kColumns>
  void AddElement(GridFamily family, std::array<double, 3> fixed, const double* features,
                  const double* target, const double* slope, double log_prior);
  void Polish(const LogCurve& curve);
  void Normalise();
  double Evidence(double mean_square, double held_out) const;
  double Falling(double at, double at_end) const { return may_rise_ ? at : std::min(at, at_end); }

  FormAverageTuning tuning_;
  const LogCurve* curve_ = nullptr;  // only while constructing
  std::vector<double> point_weight_;
  std::vector<size_t> heads_;  // sizes of the heads whose tails are held out
  LogCurve trusted_;
  double variance_floor_ = 0, misfit_ = 0;
  double prior_noise_ = 0;  // what priors and evidence take for noise
  double noise_ = 0;
  size_t points_ = 0;
  bool may_rise_ = false;  // a curve that falls on the whole is not extrapolated upwards
  double offset_ = 0;      // from the last points' residuals
  std::vector<GridElement> elements_;
  std::vector<PolishedForm> polished_;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_FORM_AVERAGE_H_
