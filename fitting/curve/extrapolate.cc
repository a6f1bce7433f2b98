// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/extrapolate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/give_up.h"
#include "fitting/curve/curve_interval.h"
#include "fitting/curve/form_ensemble.h"
#include "fitting/curve/form_fit.h"
#include "fitting/curve/log_curve.h"

namespace sextant::fitting {
namespace {

constexpr int kDraws = 160;
constexpr int kReplicates = 60;

absl::Status CheckInput(std::span<const double> x, std::span<const double> y, std::span<const double> at,
                        const ExtrapolateOptions& options) {
  if (x.size() != y.size()) {
    return absl::InvalidArgumentError("x has " + std::to_string(x.size()) + " values and y has " +
                                      std::to_string(y.size()));
  }
  if (options.max_breaks < 0 || options.max_breaks > 3)
    return absl::InvalidArgumentError("max_breaks must be 0 to 3");
  if (!(options.confidence > 0 && options.confidence < 1)) {
    return absl::InvalidArgumentError("confidence must lie in (0, 1)");
  }
  for (size_t i = 0; i < at.size(); ++i) {
    if (at[i] > 0 && std::isfinite(at[i])) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("at[", i, "] is ", at[i], ": an x to predict at must be positive and finite"));
  }
  return absl::OkStatus();
}

// What a double can hold: asked for at 1e300, a power law still gives a number.
constexpr double kLeastLog = -744, kMostLog = 709;
double Exponential(double v) { return std::exp(std::clamp(v, kLeastLog, kMostLog)); }

// Says which answers no double can hold.
void WarnOfRange(const CurveExtrapolation& result, std::vector<std::string>& warnings) {
  size_t points = 0, parameters = 0;
  const auto outside = [](double y) {
    return y <= std::exp(kLeastLog) || y >= std::exp(kMostLog) || !std::isfinite(y);
  };
  for (const ExtrapolatedPoint& p : result.points)
    points += outside(p.value) || outside(p.low) || outside(p.high);
  for (const CurveFormFit& fit : result.fits) {
    for (const CurveParameter& p : fit.parameters) parameters += !std::isfinite(p.estimate);
  }
  if (points > 0) {
    warnings.push_back(
        absl::StrCat(points, " of ", result.points.size(),
                     " answers or their bounds lie beyond the numbers that can be written: the ",
                     "nearest such numbers are given"));
  }
  if (parameters > 0) {
    warnings.push_back(absl::StrCat(
        parameters, " parameters are beyond the numbers that can be written in the units of x and y"));
  }
}

CurveFormFit Report(const FormFit& fit, const LogCurve& curve, double weight) {
  return {.law = fit.form.law(),
          .parameters = fit.form.Named(fit.solution.parameters, curve),
          .objective = fit.solution.objective,
          .held_out_error = fit.held_out_error,
          .weight = weight,
          .breaks = fit.form.breaks(),
          .converged = fit.solution.converged};
}

// Every form by itself, with its share in the average.
std::vector<CurveFormFit> ReportForms(const FormEnsemble& average, const LogCurve& curve, int max_breaks) {
  std::vector<FormFit> fits;
  for (CurveForm form : {CurveForm::kM1, CurveForm::kM2, CurveForm::kM3, CurveForm::kM4}) {
    if (curve.u.size() > 4 || form == CurveForm::kM1) fits.push_back(FitForm(form, 0, curve));
  }
  if (curve.u.size() >= 8) fits.push_back(FitBroken(std::min(max_breaks, 1), curve));
  std::map<std::string, double> share = average.Shares();
  double covered = 0;
  for (const FormFit& fit : fits) covered += share[fit.form.law()];
  std::vector<CurveFormFit> reports;
  for (const FormFit& fit : fits)
    reports.push_back(Report(fit, curve, covered > 0 ? share[fit.form.law()] / covered : 0));
  return reports;
}

// Adds the interval of every point from draws of ln(y / y_ref), one row a draw. `at_end` is ln(y / y_ref)
// predicted at the last x.
void AddIntervals(const std::vector<std::vector<double>>& draws, const LogCurve& curve, double at_end,
                  double noise, const ExtrapolateOptions& options, std::vector<ExtrapolatedPoint>& points) {
  for (size_t k = 0; k < points.size(); ++k) {
    CheckGivenUp();
    std::vector<double> values;
    for (const std::vector<double>& draw : draws) values.push_back(draw[k]);
    const double centre = std::log(points[k].value) - curve.log_y;
    const LogInterval interval = CurveInterval(
        std::move(values), centre, at_end, std::log(points[k].x) - curve.log_x, noise, options.confidence);
    // The estimate itself always lies inside, in spite of rounding.
    points[k].low = std::min(points[k].value, Exponential(curve.log_y + interval.low));
    points[k].high = std::max(points[k].value, Exponential(curve.log_y + interval.high));
  }
}

}  // namespace

absl::StatusOr<CurveExtrapolation> ExtrapolateCurve(std::span<const double> x, std::span<const double> y,
                                                    std::span<const double> at,
                                                    const ExtrapolateOptions& options) {
  if (absl::Status status = CheckInput(x, y, at, options); !status.ok()) return status;
  CurveExtrapolation result;
  absl::StatusOr<LogCurve> prepared = PrepareLogCurve(x, y, result.points_used, result.warnings);
  if (!prepared.ok()) return prepared.status();
  const LogCurve& curve = *prepared;
  result.noise = curve.noise;
  std::vector<double> u;
  for (double v : at) {
    u.push_back(std::log(v) - curve.log_x);
    result.points.push_back({.x = v});
  }
  if (curve.u.size() < 6)
    result.warnings.push_back("fewer than six points: the interval says little about the form");
  const double reach = u.empty() ? 0 : *std::max_element(u.begin(), u.end());
  if (reach > -curve.u.front()) {
    result.warnings.push_back("extrapolated further than the curve is long, in ln x");
  }

  if (options.form != CurveForm::kAuto) {
    const FormFit fit = options.form == CurveForm::kBrokenPowerLaw ? FitBroken(options.max_breaks, curve)
                                                                   : FitForm(options.form, 0, curve);
    result.law = fit.form.law();
    result.fits.push_back(Report(fit, curve, 1));
    for (size_t k = 0; k < u.size(); ++k) {
      result.points[k].value =
          Exponential(curve.log_y + fit.form.Evaluate(fit.solution.parameters.data(), u[k], nullptr));
    }
    AddIntervals(BootstrapForm(fit, curve, u, kReplicates, options.seed), curve,
                 fit.form.Evaluate(fit.solution.parameters.data(), 0, nullptr), curve.noise, options,
                 result.points);
    WarnOfRange(result, result.warnings);
    return result;
  }

  result.law = "curve-average";
  const FormEnsemble average(curve);
  result.noise = average.noise();
  if (options.report_forms) result.fits = ReportForms(average, curve, options.max_breaks);
  for (size_t k = 0; k < u.size(); ++k) {
    CheckGivenUp();
    result.points[k].value = Exponential(curve.log_y + average.Predict(u[k]));
  }
  AddIntervals(average.Draw(u, kDraws, options.seed), curve, average.Predict(0), average.noise(), options,
               result.points);
  WarnOfRange(result, result.warnings);
  return result;
}

}  // namespace sextant::fitting
