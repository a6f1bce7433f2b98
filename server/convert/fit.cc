// SPDX-License-Identifier: Apache-2.0
#include "server/convert/fit.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "fitting/predict.h"
#include "server/convert/data_table.h"
#include "server/convert/study.h"
#include "server/convert/text.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/limits.h"
#include "server/names.h"

namespace sextant::server {
namespace {

static_assert(static_cast<int>(storage::FitState::kCancelled) == v1::FIT_CANCELLED);

constexpr std::size_t kMaxOptionBytes = 64;
constexpr int kMaxTargetLosses = 100;

std::string Predicts(const fitting::FitResult& result) {
  fitting::LawSpec spec;
  spec.target = result.target;
  if (result.target == fitting::Target::kOther) {
    auto parsed = fitting::ParseLawSpec(result.law_toml);
    if (parsed.ok()) return fitting::QuantityName(*parsed);
  }
  return fitting::QuantityName(spec);
}

void ParameterToProto(const fitting::ParameterEstimate& parameter, v1::Parameter& message) {
  message.set_name(parameter.name);
  message.set_estimate(parameter.estimate);
  if (parameter.low) message.set_low(*parameter.low);
  if (parameter.high) message.set_high(*parameter.high);
  message.set_at_bound(parameter.at_bound);
}

void ProvenanceToProto(const fitting::FitResult& result, v1::Fit& message) {
  message.set_predicts(Predicts(result));
  message.set_estimator(result.estimator);
  message.set_loss(result.objective_kind);
  message.set_filter(result.filter);
  message.set_holdout_filter(result.holdout_filter);
  message.set_seed(static_cast<std::int64_t>(result.seed));
  message.set_bootstrap_replicates(static_cast<int>(result.bootstrap_replicates));
  message.set_data_digest(result.data_digest);
  message.set_version(result.version);
  message.set_param_count(result.param_count);
  message.set_loss_unit(result.loss_unit);
  for (const auto& [variable, column] : result.columns) (*message.mutable_columns())[variable] = column;
  message.set_data_source(result.data_source);
}

void FindingsToProto(const fitting::FitResult& result, v1::Fit& message) {
  message.set_runs_used(static_cast<int>(result.runs_used));
  message.set_cells_used(static_cast<int>(result.cells_used));
  for (const auto& parameter : result.parameters) ParameterToProto(parameter, *message.add_parameters());
  message.set_objective(result.objective);
  message.set_starts(static_cast<int>(result.starts));
  message.set_starts_at_optimum(static_cast<int>(result.starts_at_optimum));
  message.set_condition_number(result.condition_number);
  if (result.holdout) {
    auto* holdout = message.mutable_holdout();
    holdout->set_runs(static_cast<int>(result.holdout->runs));
    holdout->set_mean_relative_error(result.holdout->mean_relative_error);
    if (result.holdout->mean_excess_loss) holdout->set_mean_excess_loss(*result.holdout->mean_excess_loss);
  }
  for (const std::string& warning : result.warnings) message.add_warnings(warning);
  for (const auto& [variable, range] : result.fitted_range) {
    auto* fitted = message.add_fitted_ranges();
    fitted->set_variable(variable);
    fitted->set_low(range.low);
    fitted->set_high(range.high);
  }
  for (const fitting::Influence& influence : result.influence) {
    auto* run = message.add_influence();
    run->set_run(RunName(result.study_id, influence.run_id));
    run->set_objective_share(influence.objective_share);
    run->set_shift(influence.shift);
  }
  if (const auto* loss = std::get_if<fitting::LossModel>(&result.model)) {
    message.set_runs(loss->cell_best ? "cell-best" : "all");
    message.set_runs_considered(static_cast<int>(loss->runs_considered));
    for (const fitting::LossMember& member : loss->members) {
      v1::AveragedLaw& averaged = *message.add_averaged();
      averaged.set_law(member.law);
      averaged.set_weight(member.weight);
      averaged.set_held_out_error(member.held_out_error);
    }
  }
  for (const double correlation : result.correlations) message.add_correlations(correlation);
  for (const auto& [name, value] : result.diagnostics) (*message.mutable_diagnostics())[name] = value;
}

}  // namespace

void FitToProto(const storage::Fit& fit, v1::Fit& message) {
  if (!fit.damage.empty()) {
    storage::Fit failed = fit;
    failed.damage.clear();
    MarkEnded(absl::DataLossError(absl::StrCat("the stored fit ", fit.damage)), failed);
    failed.end_time = fit.end_time;
    return FitToProto(failed, message);
  }
  message.set_name(FitName(fit.study_id, fit.id));
  message.set_law(fit.law_id);
  message.set_state(static_cast<v1::FitState>(fit.state));
  SetTime(fit.create_time, *message.mutable_create_time());
  if (fit.end_time != 0) SetTime(fit.end_time, *message.mutable_end_time());
  ProvenanceToProto(fit.result, message);
  const bool first_answer = fit.state == storage::FitState::kRunning && !fit.result.parameters.empty();
  if (fit.state == storage::FitState::kSucceeded || first_answer) FindingsToProto(fit.result, message);
  if (fit.error_code != 0) {
    auto* error = message.mutable_error();
    error->set_code(fit.error_code);
    error->set_message(fit.error);
    // Fits that ended before reasons were recorded: their code says what it can.
    const absl::Status status(static_cast<absl::StatusCode>(fit.error_code), fit.error);
    error->set_reason(fit.error_reason.empty() ? ReasonOf(Annotate(status, "fit", message.name()))
                                               : fit.error_reason);
  }
}

std::optional<fitting::LossRuns> ParseLossRuns(const std::string& text) {
  if (text.empty()) return fitting::LossRuns::kAuto;
  if (text == "all") return fitting::LossRuns::kAll;
  if (text == "cell-best") return fitting::LossRuns::kCellBest;
  return std::nullopt;
}

namespace {

/// A request may hold the options of one kind only.
void SetKindOptions(const v1::CreateFitRequest& request, fitting::KindOptions& options,
                    std::vector<FieldViolation>& violations) {
  const bool of_batch =
      request.target_losses_size() > 0 || request.has_overhead() || request.has_overhead_anchor_tokens();
  if (!request.runs().empty()) {
    const auto runs = ParseLossRuns(request.runs());
    if (!runs) {
      violations.push_back({"runs", kLossRunsRule});
    } else if (request.has_band() || of_batch) {
      violations.push_back({"runs", "goes with no option of optima or critical batches: no law takes both"});
    } else {
      options = fitting::LossOptions{*runs};
    }
  }
  if (request.has_band()) {
    if (of_batch) {
      violations.push_back({"band", "goes with no option of critical batches: no law takes both"});
    } else if (!std::isfinite(request.band())) {
      violations.push_back({"band", "not a finite number"});
    }
    options = fitting::NearOptimalOptions{request.band()};
  }
  if (!of_batch) return;
  if (request.target_losses_size() > kMaxTargetLosses) {
    violations.push_back({"target_losses", absl::StrCat("at most ", kMaxTargetLosses)});
    return;
  }
  fitting::CriticalBatchOptions batch;
  batch.target_losses = {request.target_losses().begin(), request.target_losses().end()};
  if (request.has_overhead()) batch.overhead = request.overhead();
  if (request.has_overhead_anchor_tokens()) batch.overhead_anchor_tokens = request.overhead_anchor_tokens();
  options = std::move(batch);
}

}  // namespace

absl::StatusOr<FitOrder> FitOrderFromProto(const v1::CreateFitRequest& request, const storage::Study& study,
                                           const fitting::LawSpec& law) {
  std::vector<FieldViolation> violations;
  FitOrder order;
  fitting::FitRequest& fit = order.request;
  order.study_uid = study.uid;
  fit.study_id = study.id;
  fit.param_count = ParamCountText(study.param_count);
  fit.loss_unit = LossUnitText(study.loss_unit);
  fit.filter = request.filter();
  fit.holdout_filter = request.holdout_filter();
  if (!request.estimator().empty()) fit.estimator = request.estimator();
  fit.loss = request.loss();
  if (request.has_bootstrap_replicates()) fit.bootstrap_replicates = request.bootstrap_replicates();
  if (request.has_seed()) fit.seed = static_cast<std::uint64_t>(request.seed());
  fit.fixed_parameters = {request.fixed_parameters().begin(), request.fixed_parameters().end()};

  SetKindOptions(request, fit.options, violations);
  if (!request.flops_count().empty()) {
    if (!std::holds_alternative<std::monostate>(fit.options)) {
      violations.push_back({"flops_count", "goes with no band and no option of critical batches"});
    }
    fit.options = fitting::ComputeOptimalOptions{request.flops_count().substr(0, kMaxOptionBytes)};
  }
  if (request.columns_size() > kMaxTableColumns) {
    violations.push_back({"columns", absl::StrCat("more than ", kMaxTableColumns)});
  } else {
    fit.columns = {request.columns().begin(), request.columns().end()};
    for (const auto& [variable, column] : fit.columns) {
      CheckText("columns", variable, kMaxRunTextBytes, violations);
      CheckText("columns", column, kMaxRunTextBytes, violations);
    }
  }
  if (request.has_table()) {
    DataTable table = DataTableFromProto(request.table(), violations);
    order.table = std::make_shared<const fitting::DataColumns>(std::move(table.numbers));
    for (const auto& [field, given] : {std::pair{"filter", !request.filter().empty()},
                                       std::pair{"holdout_filter", !request.holdout_filter().empty()}}) {
      if (given) violations.push_back({field, "not with a table: it has no runs to choose from"});
    }
  }

  // What bounds the work is checked here; what makes sense for the law, by the fitting library.
  if (fit.estimator.size() > kMaxOptionBytes) violations.push_back({"estimator", "too long"});
  if (fit.loss.size() > kMaxOptionBytes) violations.push_back({"loss", "too long"});
  if (fit.bootstrap_replicates < 0 || fit.bootstrap_replicates > kMaxBootstrapReplicates) {
    violations.push_back(
        {"bootstrap_replicates",
         absl::StrCat(fit.bootstrap_replicates, " is not between 0 and ", kMaxBootstrapReplicates)});
  }
  if (fit.fixed_parameters.size() > static_cast<std::size_t>(kMaxFixedParameters)) {
    violations.push_back({"fixed_parameters", absl::StrCat("more than ", kMaxFixedParameters)});
  }
  if (!request.fit_id().empty() && !IsLabel(request.fit_id())) violations.push_back({"fit_id", kLabelRule});

  auto where = ParseRunFilter(request.filter(), "filter", study.declared);
  auto holdout = ParseRunFilter(request.holdout_filter(), "holdout_filter", study.declared);
  const auto add_problem = [&](const std::string& problem) {
    const std::size_t colon = problem.find(": ");
    const std::string field = colon == std::string::npos ? "fit" : problem.substr(0, colon);
    // One complaint a field: what bounds the work comes first.
    const bool said = std::any_of(violations.begin(), violations.end(),
                                  [&](const FieldViolation& violation) { return violation.field == field; });
    if (!said)
      violations.push_back({field, colon == std::string::npos ? problem : problem.substr(colon + 2)});
  };
  for (const std::string& problem : fitting::ValidateFitRequest(fit, law)) add_problem(problem);
  // A filter's own status names the position; it goes out alone when nothing else is wrong.
  if (violations.empty()) {
    if (!where.ok()) return where.status();
    if (!holdout.ok()) return holdout.status();
  }
  for (const auto& [field, status] :
       {std::pair("filter", where.status()), std::pair("holdout_filter", holdout.status())}) {
    if (!status.ok()) violations.push_back({field, std::string(status.message())});
  }
  if (!violations.empty()) return InvalidFields(violations);
  order.where = *std::move(where);
  order.holdout = *std::move(holdout);
  return order;
}

storage::Fit RunningFit(const FitOrder& order, const fitting::Law& law, const std::string& fit_id) {
  storage::Fit fit;
  fit.study_id = order.request.study_id;
  fit.id = fit_id;
  fit.state = storage::FitState::kRunning;
  fit.law_id = law.spec().id;
  fit.create_time = Now();
  fitting::FitResult& result = fit.result;
  result.law_id = law.spec().id;
  result.law_toml = fitting::LawSpecToToml(law.spec());
  result.target = law.spec().target;
  result.study_id = order.request.study_id;
  result.estimator = order.request.estimator;
  result.objective_kind = order.request.loss;
  result.filter = order.request.filter;
  result.holdout_filter = order.request.holdout_filter;
  result.seed = order.request.seed;
  result.bootstrap_replicates = order.request.bootstrap_replicates;
  result.param_count = order.request.param_count;
  result.loss_unit = order.request.loss_unit;
  result.columns = order.request.columns;
  if (order.table != nullptr) result.data_source = order.table->source;
  return fit;
}

void MarkEnded(const absl::Status& status, storage::Fit& fit) {
  fit.state = absl::IsCancelled(status) ? storage::FitState::kCancelled : storage::FitState::kFailed;
  fit.error_code = static_cast<int>(status.code());
  // Nothing else aborts a fit than the end of the server that ran it.
  fit.error_reason = absl::IsAborted(status)
                         ? "SERVER_STOPPED"
                         : ReasonOf(Annotate(status, "fit", FitName(fit.study_id, fit.id)));
  fit.error = std::string(status.message()).substr(0, kMaxStatusMessageBytes);
  fit.end_time = Now();
}

}  // namespace sextant::server
