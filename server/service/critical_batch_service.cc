// SPDX-License-Identifier: Apache-2.0
#include "server/service/critical_batch_service.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/critical_batch/from_runs.h"
#include "fitting/critical_batch/tradeoff.h"
#include "fitting/refusal.h"
#include "server/batch_runs.h"
#include "server/error.h"
#include "server/exclusion.h"
#include "server/filter.h"
#include "server/names.h"
#include "server/run_groups.h"
#include "server/service/batch_by_noise.h"
#include "server/service/steps_to_goal.h"
#include "server/service/submission_scores.h"
#include "server/service/trajectory_answers.h"

namespace sextant::server {
namespace {

constexpr int kMaxTargets = 100, kMaxBatches = 1000;

void IntervalToProto(const fitting::BatchInterval& interval, v1::BatchInterval& message) {
  message.set_value(interval.value);
  message.set_low(interval.low);
  message.set_high(interval.high);
}

void EstimateToProto(const fitting::CriticalBatchEstimate& estimate, v1::CriticalBatchEstimate& message) {
  message.set_definition(fitting::CriticalBatchDefinitionName(estimate.definition));
  for (const std::string& warning : estimate.warnings) message.add_warnings(warning);
  if (estimate.target_loss > 0) message.set_target_loss(estimate.target_loss);
  if (!estimate.answered) {
    message.set_reason(estimate.reason);
    return;
  }
  IntervalToProto(estimate.batch_size, *message.mutable_batch_size_tokens());
  if (estimate.definition == fitting::CriticalBatchDefinition::kHyperbola) {
    IntervalToProto(estimate.min_steps, *message.mutable_min_steps());
    IntervalToProto(estimate.min_tokens, *message.mutable_min_tokens());
  }
}

/// The batches asked for, else those that were tried.
std::vector<double> TableBatches(const v1::EstimateCriticalBatchRequest& request,
                                 const fitting::CellCriticalBatch& cell) {
  if (request.batch_sizes_tokens_size() > 0) {
    return {request.batch_sizes_tokens().begin(), request.batch_sizes_tokens().end()};
  }
  std::vector<double> batches;
  for (const fitting::StepsToTarget& point : cell.points) batches.push_back(point.batch_size);
  return batches;
}

absl::Status AddTradeoff(const v1::EstimateCriticalBatchRequest& request,
                         const fitting::CellCriticalBatch& cell, v1::CriticalBatchCell& message) {
  for (const fitting::CriticalBatchEstimate& estimate : cell.estimates) {
    if (!estimate.answered || estimate.definition != fitting::CriticalBatchDefinition::kHyperbola) continue;
    fitting::TradeoffOptions options;
    options.params = cell.params;
    options.batch_per_device = request.batch_per_device_tokens();
    auto rows = fitting::TradeoffTable(estimate, TableBatches(request, cell), options);
    if (!rows.ok()) return Annotate(rows.status(), "study", request.parent());
    for (const fitting::TradeoffRow& row : *rows) {
      v1::TradeoffRow& out = *message.add_tradeoff();
      out.set_batch_size_tokens(row.batch_size);
      if (request.has_batch_per_device_tokens()) out.set_devices(row.devices);
      IntervalToProto(row.steps, *out.mutable_steps());
      IntervalToProto(row.tokens, *out.mutable_tokens());
      IntervalToProto(row.extra_steps_share, *out.mutable_extra_steps_share());
      IntervalToProto(row.extra_compute_share, *out.mutable_extra_compute_share());
    }
  }
  return absl::OkStatus();
}

absl::Status CellToProto(const v1::EstimateCriticalBatchRequest& request,
                         const fitting::CellCriticalBatch& cell, v1::CriticalBatchCell& message) {
  message.set_params(cell.params);
  message.set_tokens(cell.tokens);
  message.set_source(fitting::TargetSourceName(cell.source));
  for (std::size_t i = 0; i < cell.points.size(); ++i) {
    v1::StepsAtBatch& out = *message.add_points();
    out.set_batch_size_tokens(cell.points[i].batch_size);
    if (i < cell.best_learning_rate.size() && cell.best_learning_rate[i] > 0)
      out.set_learning_rate(cell.best_learning_rate[i]);
    out.set_steps(cell.points[i].steps);
    out.set_tokens(cell.points[i].steps * cell.points[i].batch_size);
  }
  for (const auto& estimate : cell.estimates) EstimateToProto(estimate, *message.add_estimates());
  for (const std::string& warning : cell.warnings) message.add_warnings(warning);
  return AddTradeoff(request, cell, message);
}

void LossLawToProto(const fitting::LossPowerLaw& law, v1::CriticalBatchLossLaw& message) {
  IntervalToProto(law.b_star, *message.mutable_b_star());
  IntervalToProto(law.alpha, *message.mutable_alpha());
  message.set_lowest_loss(law.lowest_loss);
  message.set_highest_loss(law.highest_loss);
}

void ScalingToProto(const char* definition, const fitting::ScaleLaws& laws, const std::string& reason,
                    v1::EstimateCriticalBatchResponse& response) {
  if (laws.forms.empty()) {
    v1::CriticalBatchScaling& out = *response.add_scaling();
    out.set_definition(definition);
    out.set_evidence(reason);
    return;
  }
  for (std::size_t i = 0; i < laws.forms.size(); ++i) {
    const fitting::ScaleLaw& law = laws.forms[i];
    v1::CriticalBatchScaling& out = *response.add_scaling();
    out.set_definition(definition);
    out.set_law(law.law);
    out.set_coefficient(law.coefficient);
    IntervalToProto(law.n_interval, *out.mutable_n_exponent());
    IntervalToProto(law.d_interval, *out.mutable_d_exponent());
    out.set_akaike_weight(law.akaike_weight);
    out.set_leave_one_out_error(law.leave_one_out_error);
    if (static_cast<int>(i) == laws.best) out.set_evidence(laws.evidence);
  }
  for (const std::string& warning : laws.warnings) response.add_warnings(warning);
}

absl::StatusOr<fitting::FromRunsOptions> OptionsFromProto(const v1::EstimateCriticalBatchRequest& request) {
  std::vector<FieldViolation> violations;
  fitting::FromRunsOptions options;
  if (request.target_losses_size() > kMaxTargets) {
    violations.push_back({"target_losses", absl::StrCat("at most ", kMaxTargets)});
  }
  for (const double loss : request.target_losses()) {
    if (!(loss > 0) || !std::isfinite(loss)) {
      violations.push_back({"target_losses", "must be positive and finite"});
      break;
    }
    options.target_losses.push_back(loss);
  }
  if (request.batch_sizes_tokens_size() > kMaxBatches) {
    violations.push_back({"batch_sizes_tokens", absl::StrCat("at most ", kMaxBatches)});
  }
  for (const double batch : request.batch_sizes_tokens()) {
    if (!(batch > 0) || !std::isfinite(batch)) {
      violations.push_back({"batch_sizes_tokens", "must be positive and finite"});
      break;
    }
  }
  if (request.has_batch_per_device_tokens() && !(request.batch_per_device_tokens() > 0)) {
    violations.push_back({"batch_per_device_tokens", "must be positive"});
  }
  if (request.has_overhead()) {
    options.steps.overhead = request.overhead();
    if (!(request.overhead() > 0 && request.overhead() <= 10)) {
      violations.push_back({"overhead", "must be a share in (0, 10], such as 0.2"});
    }
  }
  if (request.has_overhead_anchor_tokens()) {
    options.steps.anchor_batch = request.overhead_anchor_tokens();
    if (!(options.steps.anchor_batch > 0) || !std::isfinite(options.steps.anchor_batch)) {
      violations.push_back({"overhead_anchor_tokens", "must be positive and finite"});
    }
  }
  if (request.has_seed()) options.steps.seed = static_cast<std::uint64_t>(request.seed());
  if (!violations.empty()) return InvalidFields(violations);
  return options;
}

absl::Status AddGroup(const v1::EstimateCriticalBatchRequest& request,
                      const fitting::FromRunsOptions& options, const std::string& group,
                      const std::vector<fitting::BatchRun>& runs, bool alone,
                      v1::EstimateCriticalBatchResponse& response) {
  auto report = fitting::EstimateCriticalBatch(runs, options);
  if (!report.ok() && alone) return Annotate(report.status(), "study", request.parent());
  if (!report.ok()) {
    response.add_warnings(
        absl::StrCat(group.empty() ? "runs of no known group" : group, ": ", report.status().message()));
    return absl::OkStatus();
  }
  const int scaling_before = response.scaling_size();
  for (const fitting::CellCriticalBatch& cell : report->cells) {
    v1::CriticalBatchCell& out = *response.add_cells();
    RETURN_IF_ERROR(CellToProto(request, cell, out));
    out.set_group(group);
  }
  ScalingToProto("hyperbola", report->hyperbola_scaling, report->hyperbola_scaling_reason, response);
  ScalingToProto("overhead", report->overhead_scaling, report->overhead_scaling_reason, response);
  for (int i = scaling_before; i < response.scaling_size(); ++i)
    response.mutable_scaling(i)->set_group(group);
  for (const std::string& warning : report->warnings) {
    response.add_warnings(alone || group.empty() ? warning : absl::StrCat(group, ": ", warning));
  }
  if (!alone) return absl::OkStatus();
  if (report->has_loss_law) LossLawToProto(report->loss_law, *response.mutable_loss_law());
  if (report->has_noise_scale_law)
    LossLawToProto(report->noise_scale_law, *response.mutable_noise_scale_law());
  response.set_loss_law_reason(report->loss_law_reason);
  return absl::OkStatus();
}

absl::Status Estimate(Core& core, const v1::EstimateCriticalBatchRequest& request,
                      v1::EstimateCriticalBatchResponse& response) {
  const auto study = ParseStudyName(request.parent());
  if (!study) return InvalidField("parent", "not of the form studies/STUDY");
  ASSIGN_OR_RETURN(auto options, OptionsFromProto(request));
  std::vector<fitting::BatchRun> runs;
  {
    ASSIGN_OR_RETURN(const auto snapshot, core.Read());
    auto described = snapshot->GetStudy(*study);
    if (!described.ok()) return Annotate(described.status(), "study", request.parent());
    ASSIGN_OR_RETURN(auto where, ParseRunFilter(request.filter(), "filter", described->declared));
    ASSIGN_OR_RETURN(const auto group_names, GroupNames(request.group_by(), *described));
    ASSIGN_OR_RETURN(const Exclusion exclusion, WithoutExcluded(*snapshot, *study, where));
    ASSIGN_OR_RETURN(runs, LoadBatchRuns(*snapshot, *study, exclusion.where, group_names));
    if (exclusion.runs > 0) response.add_warnings(ExcludedWarning(exclusion.runs));
  }
  if (runs.empty()) {
    return Annotate(fitting::NotIdentifiable(absl::StrCat("no finished run of ", request.parent(),
                                                          " records N, D and batch size")),
                    "study", request.parent());
  }
  std::map<std::string, std::vector<fitting::BatchRun>> groups;
  for (fitting::BatchRun& run : runs) groups[run.group].push_back(std::move(run));
  const bool alone = groups.size() == 1;
  for (const auto& [group, members] : groups) {
    RETURN_IF_ERROR(AddGroup(request, options, group, members, alone, response));
  }
  if (!alone) {
    response.set_loss_law_reason("the runs are of several groups: choose one with a filter");
    response.add_warnings(absl::StrCat(groups.size(), " groups of runs are answered apart, never pooled"));
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* CriticalBatchService::EstimateCriticalBatch(
    grpc::CallbackServerContext* context, const v1::EstimateCriticalBatchRequest* request,
    v1::EstimateCriticalBatchResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response,
                                  [this, request, response] { return Estimate(core_, *request, *response); });
}

grpc::ServerUnaryReactor* CriticalBatchService::AnalyzeStepsToGoal(
    grpc::CallbackServerContext* context, const v1::AnalyzeStepsToGoalRequest* request,
    v1::AnalyzeStepsToGoalResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, request, response] {
    return server::AnalyzeStepsToGoal(core_, *request, *response);
  });
}

grpc::ServerUnaryReactor* CriticalBatchService::AnswerTrajectory(grpc::CallbackServerContext* context,
                                                                 const v1::AnswerTrajectoryRequest* request,
                                                                 v1::AnswerTrajectoryResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, request, response] {
    return server::AnswerTrajectory(core_, *request, *response);
  });
}

grpc::ServerUnaryReactor* CriticalBatchService::ScoreSubmissions(grpc::CallbackServerContext* context,
                                                                 const v1::ScoreSubmissionsRequest* request,
                                                                 v1::ScoreSubmissionsResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [request, response] {
    return server::ScoreSubmissions(*request, *response);
  });
}

grpc::ServerUnaryReactor* CriticalBatchService::PlanBatchByNormTest(
    grpc::CallbackServerContext* context, const v1::PlanBatchByNormTestRequest* request,
    v1::PlanBatchByNormTestResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, request, response] {
    return server::PlanBatchByNormTest(core_, *request, *response);
  });
}

}  // namespace sextant::server
