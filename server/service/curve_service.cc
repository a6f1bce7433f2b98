// SPDX-License-Identifier: Apache-2.0
#include "server/service/curve_service.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/curve/extrapolate.h"
#include "fitting/curve/forecast.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/names.h"
#include "server/run_curves.h"
#include "server/service/compare_schedules.h"

namespace sextant::server {
namespace {

using fitting::CurveForm;

constexpr int kMaxAt = 10'000;
constexpr std::size_t kMaxPeers = 500;

absl::StatusOr<CurveForm> FormFromLaw(const std::string& law) {
  static const std::map<std::string, CurveForm> forms = {{"", CurveForm::kAuto},
                                                         {"curve-average", CurveForm::kAuto},
                                                         {"curve-m1", CurveForm::kM1},
                                                         {"curve-m2", CurveForm::kM2},
                                                         {"curve-m3", CurveForm::kM3},
                                                         {"curve-m4", CurveForm::kM4},
                                                         {"curve-bnsl", CurveForm::kBrokenPowerLaw}};
  const auto found = forms.find(law);
  if (found == forms.end()) {
    return InvalidField("law", absl::StrCat("'", law,
                                            "' is not one of curve-m1, curve-m2, curve-m3, curve-m4, "
                                            "curve-bnsl; leave it out to average them by evidence"));
  }
  return found->second;
}

absl::Status CheckInterval(bool given, double interval) {
  if (given && !(interval > 0 && interval < 1)) {
    return InvalidField("interval", "a coverage between 0 and 1 is needed, such as 0.9");
  }
  return absl::OkStatus();
}

constexpr char kAssumedSchedule[] =
    "the run records no schedule: it is read off the curve's learning rates, cosine to zero where they do "
    "not tell";

/// The schedule as the run recorded it; cosine to zero where it did not.
absl::StatusOr<fitting::ScheduleSpec> ScheduleOf(const storage::Run& run, double total_steps) {
  fitting::ScheduleSpec schedule;
  if (!run.schedule.empty()) {
    ASSIGN_OR_RETURN(auto shape, fitting::ParseDecayShape(run.schedule));
    schedule.shape = shape;
  }
  schedule.peak_learning_rate = run.learning_rate;
  if (std::isfinite(run.min_learning_rate)) schedule.final_learning_rate = run.min_learning_rate;
  if (std::isfinite(run.warmup_steps)) schedule.warmup_steps = run.warmup_steps;
  schedule.total_steps = total_steps;
  return schedule;
}

double TotalSteps(const storage::Run& run) {
  if (std::isfinite(run.steps)) return run.steps;
  return run.tokens / run.batch_size_tokens;
}

void KeepShare(fitting::LossCurve& curve, double last_step) {
  std::size_t keep = 0;
  while (keep < curve.step.size() && curve.step[keep] <= last_step) ++keep;
  for (std::vector<double>* column : {&curve.step, &curve.tokens, &curve.train_loss, &curve.validation_loss,
                                      &curve.learning_rate, &curve.gradient_noise_scale_tokens}) {
    if (column->size() > keep) column->resize(keep);
  }
}

/// Finished runs of the study that may serve as peers.
absl::StatusOr<std::vector<fitting::FinishedRun>> LoadPeers(storage::Snapshot& snapshot,
                                                            const std::string& study,
                                                            const std::string& except) {
  ASSIGN_OR_RETURN(auto finished, ParseRunFilter("state = FINISHED"));
  auto runs = LoadRunCurves(snapshot, study, finished, kMaxPeers);
  std::vector<fitting::FinishedRun> peers;
  if (!runs.ok()) {
    // Too many to hold: the run's own curve answers alone.
    if (runs.status().code() == absl::StatusCode::kResourceExhausted) return peers;
    return runs.status();
  }
  for (RunCurve& peer : *runs) {
    if (peer.run.id == except || peer.curve.size() == 0) continue;
    const double steps = TotalSteps(peer.run);
    if (!(steps >= 1) || !(peer.run.learning_rate > 0) || !(peer.run.batch_size_tokens > 0)) continue;
    auto schedule = ScheduleOf(peer.run, steps);
    if (!schedule.ok()) continue;
    peers.push_back({std::move(peer.curve), *schedule, peer.params, peer.run.batch_size_tokens});
  }
  return peers;
}

absl::Status Extrapolate(const v1::ExtrapolateCurveRequest& request, v1::ExtrapolateCurveResponse& response) {
  if (request.x_size() != request.y_size()) {
    return InvalidField("y", absl::StrCat("has ", request.y_size(), " values, x has ", request.x_size()));
  }
  if (request.at_size() == 0) return InvalidField("at", "missing: where to extrapolate to");
  if (request.at_size() > kMaxAt) return InvalidField("at", absl::StrCat("at most ", kMaxAt, " values"));
  RETURN_IF_ERROR(CheckInterval(request.has_interval(), request.interval()));
  ASSIGN_OR_RETURN(auto form, FormFromLaw(request.law()));
  fitting::ExtrapolateOptions options;
  options.form = form;
  if (request.has_interval()) options.confidence = request.interval();
  if (request.has_seed()) options.seed = static_cast<std::uint64_t>(request.seed());
  options.report_forms = request.report_forms();
  auto answer =
      fitting::ExtrapolateCurve({request.x().data(), static_cast<std::size_t>(request.x_size())},
                                {request.y().data(), static_cast<std::size_t>(request.y_size())},
                                {request.at().data(), static_cast<std::size_t>(request.at_size())}, options);
  if (!answer.ok()) {
    if (answer.status().code() == absl::StatusCode::kFailedPrecondition) {
      return UnmetPrecondition("CURVE_UNUSABLE", "curve", std::string(answer.status().message()));
    }
    return Annotate(answer.status(), "curve", "curve");
  }
  response.set_law(answer->law);
  for (const auto& point : answer->points) {
    v1::ExtrapolatedPoint& out = *response.add_points();
    out.set_x(point.x);
    out.set_value(point.value);
    out.set_low(point.low);
    out.set_high(point.high);
  }
  for (const auto& fit : answer->fits) {
    v1::CurveForm& out = *response.add_forms();
    out.set_law(fit.law);
    for (const auto& parameter : fit.parameters)
      (*out.mutable_parameters())[parameter.name] = parameter.estimate;
    if (std::isfinite(fit.held_out_error)) out.set_held_out_error(fit.held_out_error);
    out.set_weight(fit.weight);
  }
  response.set_points_used(static_cast<int>(answer->points_used));
  response.set_noise(answer->noise);
  for (const std::string& warning : answer->warnings) response.add_warnings(warning);
  return absl::OkStatus();
}

}  // namespace

absl::Status ForecastFromCurve(const Core& core, const v1::ForecastRunRequest& request,
                               v1::ForecastRunResponse& response) {
  const auto name = ParseRunName(request.name());
  if (!name) return InvalidField("name", "not of the form studies/STUDY/runs/RUN");
  RETURN_IF_ERROR(CheckInterval(request.has_interval(), request.interval()));
  if (request.has_use_share() && !(request.use_share() > 0 && request.use_share() <= 1)) {
    return InvalidField("use_share", "a share in (0, 1] is needed");
  }
  ASSIGN_OR_RETURN(auto snapshot, core.Read());  // the run and its peers are of one state
  ASSIGN_OR_RETURN(auto loaded, LoadRunCurve(*snapshot, name->study, name->id));
  if (loaded.curve.size() == 0) {
    return UnmetPrecondition("CURVE_UNUSABLE", request.name(), absl::StrCat(request.name(), " has no curve"));
  }
  const double total_steps = request.has_total_steps() ? request.total_steps() : TotalSteps(loaded.run);
  if (!(total_steps >= 1) || !std::isfinite(total_steps)) {
    return InvalidField("total_steps",
                        "the run records neither its steps nor tokens and batch: give the number "
                        "of steps of the whole run");
  }
  if (!(loaded.run.learning_rate > 0) || !(loaded.run.batch_size_tokens > 0)) {
    return UnmetPrecondition("CURVE_UNUSABLE", request.name(),
                             "a forecast needs the run's peak learning rate and batch size");
  }
  ASSIGN_OR_RETURN(auto schedule, ScheduleOf(loaded.run, total_steps));
  if (request.has_use_share()) KeepShare(loaded.curve, request.use_share() * total_steps);
  ASSIGN_OR_RETURN(auto peers, LoadPeers(*snapshot, name->study, name->id));
  snapshot.reset();
  fitting::ForecastOptions options;
  if (request.has_interval()) options.confidence = request.interval();
  auto forecast =
      fitting::ForecastRun({loaded.curve, schedule, !loaded.run.schedule.empty()}, peers, options);
  if (!forecast.ok()) return Annotate(forecast.status(), "run", request.name());
  if (forecast->state != fitting::ForecastState::kForecast) {
    const bool early = forecast->state == fitting::ForecastState::kTooEarly;
    return UnmetPrecondition(early ? "TOO_EARLY" : "CURVE_UNUSABLE", request.name(), forecast->reason);
  }
  response.set_name(request.name());
  response.mutable_loss()->set_value(forecast->end_loss);
  response.mutable_loss()->set_low(forecast->low);
  response.mutable_loss()->set_high(forecast->high);
  response.set_share_done(forecast->share_done);
  response.set_peers_used(static_cast<int>(forecast->peers_used));
  response.add_labels(fitting::CurveLabelName(forecast->quality.label));
  if (!forecast->reason.empty()) response.add_warnings(forecast->reason);
  if (loaded.run.schedule.empty()) response.add_warnings(kAssumedSchedule);
  for (const std::string& warning : forecast->warnings) response.add_warnings(warning);
  response.mutable_step()->Assign(forecast->step.begin(), forecast->step.end());
  response.mutable_expected_loss()->Assign(forecast->expected_loss.begin(), forecast->expected_loss.end());
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* CurveService::ExtrapolateCurve(grpc::CallbackServerContext* context,
                                                         const v1::ExtrapolateCurveRequest* request,
                                                         v1::ExtrapolateCurveResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response,
                                  [request, response] { return Extrapolate(*request, *response); });
}

grpc::ServerUnaryReactor* CurveService::ForecastRun(grpc::CallbackServerContext* context,
                                                    const v1::ForecastRunRequest* request,
                                                    v1::ForecastRunResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, request, response] {
    return ForecastFromCurve(core_, *request, *response);
  });
}

grpc::ServerUnaryReactor* CurveService::CompareSchedules(grpc::CallbackServerContext* context,
                                                         const v1::CompareSchedulesRequest* request,
                                                         v1::CompareSchedulesResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, request, response] {
    return server::CompareSchedules(core_, *request, *response);
  });
}

}  // namespace sextant::server
