// SPDX-License-Identifier: Apache-2.0
#include "server/run_outlook.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "fitting/curve/curve.h"
#include "server/convert/forecast.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/names.h"
#include "server/run_curves.h"
#include "server/service/curve_service.h"
#include "storage/forecast_seal.h"

namespace sextant::server {
namespace {

constexpr double kFastestLook = 0.1, kSlowestLook = 3600;  // seconds

void Alarm(const char* kind, const std::string& text, v1::RunOutlook& outlook) {
  v1::RunAlert& alert = *outlook.add_alerts();
  alert.set_kind(kind);
  alert.set_text(text);
}

/// The losses of the curve so far; returns the scatter of ln loss about the smoothed curve.
double Describe(const RunCurve& run, v1::RunOutlook& outlook) {
  outlook.set_state(static_cast<v1::RunState>(run.run.state));
  SetTime(run.run.update_time, *outlook.mutable_update_time());
  outlook.set_points(static_cast<std::int32_t>(run.run.curve_points));
  const fitting::LossCurve& curve = run.curve;
  if (!curve.step.empty()) outlook.set_step(curve.step.back());
  const bool trained = !curve.train_loss.empty();
  const std::vector<double>& loss = trained ? curve.train_loss : curve.validation_loss;
  bool finite = true;
  if (!loss.empty()) {
    // Validation is not measured at every point: only training says by its last one that a run is lost.
    finite = !trained || std::isfinite(loss.back());
    if (std::isfinite(loss.back())) outlook.set_last_loss(loss.back());
  }
  fitting::CleanOptions options;
  if (!trained) options.loss = fitting::LossColumn::kValidation;
  if (std::isfinite(run.run.warmup_steps)) options.warmup_steps = run.run.warmup_steps;
  const fitting::CleanCurve clean = fitting::Clean(curve, options);
  if (!clean.smoothed_loss.empty())
    outlook.set_best_loss(*std::min_element(clean.smoothed_loss.begin(), clean.smoothed_loss.end()));
  const bool diverged = clean.quality.label == fitting::CurveLabel::kDiverged;
  if (diverged || !finite || run.run.state == fitting::RunState::kDiverged) {
    Alarm("diverged",
          diverged ? clean.quality.reason
          : finite ? "the run is recorded as diverged"
                   : "the loss is not finite at the end of the curve",
          outlook);
  }
  return clean.quality.noise;
}

absl::Status ReadLedger(storage::Snapshot& snapshot, const std::string& name, v1::RunOutlook& outlook) {
  const auto parsed = ParseForecastName(name);
  auto forecast = snapshot.GetForecast(parsed->study, parsed->id);
  if (!forecast.ok()) return Annotate(forecast.status(), "forecast", name);
  outlook.set_forecast(name);
  if (!storage::SealHolds(*forecast))
    outlook.add_warnings("the seal of the forecast does not hold: it was changed after it was sealed");
  const storage::ForecastQuantity* loss = FindQuantity(*forecast, "loss");
  if (loss == nullptr) {
    return UnmetPrecondition("NO_LOSS_FORECAST", name,
                             absl::StrCat(name, " forecasts no loss that a run could be held against"));
  }
  ForecastQuantityToProto(*loss, *outlook.mutable_forecast_loss());
  return absl::OkStatus();
}

/// The loss that the run has ended with, or will.
absl::Status Expect(const Core& core, const v1::WatchRunRequest& request, const storage::Run& run,
                    v1::RunOutlook& outlook) {
  if (run.state == fitting::RunState::kFinished && std::isfinite(run.loss)) {
    outlook.mutable_loss()->set_value(run.loss);
    outlook.set_share_done(1);
    return absl::OkStatus();
  }
  v1::ForecastRunRequest forecast;
  forecast.set_name(request.name());
  if (request.has_interval()) forecast.set_interval(request.interval());
  if (request.has_total_steps()) forecast.set_total_steps(request.total_steps());
  v1::ForecastRunResponse expected;
  const absl::Status status = ForecastFromCurve(core, forecast, expected);
  if (absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status)) {
    outlook.set_waiting(std::string(status.message()));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(status);
  *outlook.mutable_loss() = expected.loss();
  outlook.set_share_done(expected.share_done());
  outlook.set_peers_used(expected.peers_used());
  *outlook.mutable_warnings() = expected.warnings();
  return absl::OkStatus();
}

// `noise`: the least of a smoothed curve lies below the curve by luck, but hardly by more than one point
// scatters.
void Judge(double noise, v1::RunOutlook& outlook) {
  if (!outlook.has_loss()) return;
  const double end = outlook.loss().value();
  const bool over = outlook.state() == v1::FINISHED;
  if (outlook.has_forecast_loss() && outlook.forecast_loss().has_low() &&
      outlook.forecast_loss().has_high()) {
    const v1::Quantity& band = outlook.forecast_loss();
    if (end < band.low() || end > band.high()) {
      Alarm("left-band",
            absl::StrFormat("it %s at %.5g, %s the forecast's [%.5g, %.5g]", over ? "ended" : "will end", end,
                            end < band.low() ? "below" : "above", band.low(), band.high()),
            outlook);
    }
  }
  if (!over && outlook.has_best_loss() && end > outlook.best_loss() * std::exp(noise)) {
    Alarm("worse-than-stopping",
          absl::StrFormat(
              "it will end at %.5g, above the %.5g that it had: its best checkpoint is no worse now", end,
              outlook.best_loss()),
          outlook);
  }
}

}  // namespace

absl::Status CheckWatchRequest(const v1::WatchRunRequest& request) {
  std::vector<FieldViolation> violations;
  const auto run = ParseRunName(request.name());
  if (!run) violations.push_back({"name", "not of the form studies/STUDY/runs/RUN"});
  if (!request.forecast().empty()) {
    const auto forecast = ParseForecastName(request.forecast());
    if (!forecast) {
      violations.push_back({"forecast", "not of the form studies/STUDY/forecasts/FORECAST"});
    } else if (run && forecast->study != run->study) {
      violations.push_back({"forecast", "of another study than the run"});
    }
  }
  if (request.has_interval() && !(request.interval() > 0 && request.interval() < 1))
    violations.push_back({"interval", "a coverage between 0 and 1 is needed, such as 0.9"});
  if (request.has_every_seconds() &&
      !(request.every_seconds() >= kFastestLook && request.every_seconds() <= kSlowestLook)) {
    violations.push_back({"every_seconds", absl::StrCat("from ", kFastestLook, " to ", kSlowestLook)});
  }
  if (request.has_total_steps() && !(request.total_steps() >= 1 && std::isfinite(request.total_steps())))
    violations.push_back({"total_steps", "a number of steps is needed"});
  return violations.empty() ? absl::OkStatus() : InvalidFields(violations);
}

absl::Status MakeOutlook(const Core& core, const v1::WatchRunRequest& request, v1::RunOutlook& outlook) {
  const auto name = ParseRunName(request.name());
  outlook.set_name(request.name());
  storage::Run run;
  double noise = 0;
  {
    ASSIGN_OR_RETURN(const auto snapshot, core.Read());
    auto loaded = LoadRunCurve(*snapshot, name->study, name->id);
    if (!loaded.ok()) return Annotate(loaded.status(), "run", request.name());
    if (!request.forecast().empty()) {
      RETURN_IF_ERROR(ReadLedger(*snapshot, request.forecast(), outlook));
    }
    noise = Describe(*loaded, outlook);
    run = std::move(loaded->run);
  }
  RETURN_IF_ERROR(Expect(core, request, run, outlook));
  Judge(noise, outlook);
  return absl::OkStatus();
}

}  // namespace sextant::server
