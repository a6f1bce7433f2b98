// SPDX-License-Identifier: Apache-2.0
#include "server/service/trajectory_answers.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/quantile.h"
#include "base/status_macros.h"
#include "fitting/curve/trajectory.h"
#include "fitting/predict.h"
#include "server/error.h"
#include "server/names.h"
#include "server/predict_sources.h"

namespace sextant::server {
namespace {

using fitting::TrajectoryCost;
using fitting::TrajectoryLaw;

constexpr int kMostTrajectoryRows = 1000;
constexpr char kTrajectory[] = "trajectory";

/// The law's constants, and those of its replicates where it is fitted.
struct TrajectorySource {
  TrajectoryLaw law;
  std::vector<TrajectoryLaw> replicates;
  std::map<std::string, fitting::Range> fitted;
};

absl::StatusOr<TrajectoryLaw> TrajectoryOf(const fitting::Law& law, std::span<const double> values) {
  if (law.spec().evaluator != kTrajectory) {
    return UnmetPrecondition(
        "NO_TRAJECTORY", law.spec().id,
        absl::StrCat("law ", law.spec().id,
                     " is none of whole trajectories: fit loss-trajectory to the study"));
  }
  const auto at = [&](const char* name) { return values[*law.ParameterIndex(name)]; };
  return TrajectoryLaw{at("N_c"), at("alpha_N"), at("S_c"), at("alpha_S"), at("B_star"), at("alpha_B")};
}

absl::StatusOr<TrajectorySource> OfFit(Core& core, const std::string& name) {
  std::vector<PredictorGroup> groups;
  const auto fits = core.fits.Load();
  const auto laws = core.laws->Load();
  RETURN_IF_ERROR(AddFitGroup(*fits, *laws, name, groups));
  const fitting::Predictor& predictor = *groups.front().front();
  const fitting::FitResult* fit = predictor.fit();
  if (fit == nullptr) return InvalidField("source", "a published law is named by its id");
  TrajectorySource source;
  std::vector<double> values;
  for (const fitting::ParameterEstimate& parameter : fit->parameters) values.push_back(parameter.estimate);
  ASSIGN_OR_RETURN(source.law, TrajectoryOf(*predictor.law(), values));
  const std::size_t width = values.size();
  for (std::size_t row = 0; row + width <= fit->replicates.size(); row += width) {
    ASSIGN_OR_RETURN(const TrajectoryLaw drawn,
                     TrajectoryOf(*predictor.law(), std::span(fit->replicates).subspan(row, width)));
    source.replicates.push_back(drawn);
  }
  source.fitted = fit->fitted_range;
  return source;
}

absl::StatusOr<TrajectorySource> OfLaw(Core& core, const v1::AnswerTrajectoryRequest& request) {
  const std::string id = ParseLawName(request.source()).value_or(request.source());
  const auto laws = core.laws->Load();
  const auto found = laws->find(id);
  if (found == laws->end()) return MissingLaw(*laws, id);
  const std::shared_ptr<const fitting::Law>& law = found->second.law;
  std::vector<double> values = law->PublishedParameters();
  std::vector<FieldViolation> violations;
  for (const auto& [name, value] : request.parameters()) {
    const auto index = law->ParameterIndex(name);
    if (!index) {
      violations.push_back({absl::StrCat("parameters.", name), "the law has none of this name"});
    } else {
      values[*index] = value;
    }
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string& name = law->spec().parameters[i].name;
    if (std::isnan(values[i]))
      violations.push_back({absl::StrCat("parameters.", name), "missing: the law has no published value"});
  }
  if (!violations.empty()) return InvalidFields(violations);
  TrajectorySource source;
  ASSIGN_OR_RETURN(source.law, TrajectoryOf(*law, values));
  return source;
}

absl::Status CheckNumbers(const v1::AnswerTrajectoryRequest& request) {
  std::vector<FieldViolation> violations;
  const auto check = [&](double value, const char* field) {
    if (!(value > 0) || !std::isfinite(value)) violations.push_back({field, "must be above 0, and finite"});
  };
  check(request.params(), "params");
  for (const double value : request.losses()) check(value, "losses");
  for (const double value : request.steps()) check(value, "steps");
  for (const double value : request.batch_sizes_tokens()) check(value, "batch_sizes_tokens");
  if (request.losses_size() + request.steps_size() == 0)
    violations.push_back({"losses", "give losses wanted, or steps"});
  if (request.steps_size() > 0 && request.batch_sizes_tokens_size() == 0)
    violations.push_back({"batch_sizes_tokens", "needed with steps"});
  const std::int64_t rows = static_cast<std::int64_t>(request.losses_size() + request.steps_size()) *
                            std::max(1, request.batch_sizes_tokens_size());
  if (rows > kMostTrajectoryRows)
    violations.push_back({"losses", absl::StrCat("more than ", kMostTrajectoryRows, " rows")});
  if (request.has_interval() && !(request.interval() > 0 && request.interval() < 1))
    violations.push_back({"interval", "between 0 and 1, such as 0.9"});
  return violations.empty() ? absl::OkStatus() : InvalidFields(violations);
}

/// One answer of one set of constants.
struct TrajectoryRow {
  double loss = 0, batch = 0;
  TrajectoryCost cost;
};

absl::StatusOr<TrajectoryRow> RowAt(const TrajectoryLaw& law, double params, std::optional<double> loss,
                                    double steps, double batch) {
  TrajectoryRow row;
  row.loss = loss ? *loss : fitting::TrajectoryLoss(law, params, steps, batch);
  ASSIGN_OR_RETURN(row.cost, fitting::TrajectoryCostOf(law, params, row.loss, batch));
  row.batch = batch > 0 ? batch : row.cost.critical_batch_tokens;
  return row;
}

class TrajectoryAnswerer {
 public:
  TrajectoryAnswerer(const TrajectorySource& source, const v1::AnswerTrajectoryRequest& request)
      : source_(source),
        params_(request.params()),
        tail_((1 - (request.has_interval() ? request.interval() : 0.9)) / 2) {}

  void Answer(std::optional<double> loss, double steps, double batch, v1::TrajectoryAnswer& out) const {
    const auto row = RowAt(source_.law, params_, loss, steps, batch);
    if (!row.ok()) {
      if (loss) out.mutable_loss()->set_value(*loss);
      if (batch > 0) out.mutable_batch_size_tokens()->set_value(batch);
      out.set_reason(std::string(row.status().message()));
      return;
    }
    std::vector<TrajectoryRow> drawn;
    for (const TrajectoryLaw& law : source_.replicates) {
      // A replicate that never gets there says nothing of when.
      if (auto one = RowAt(law, params_, loss, steps, batch); one.ok()) drawn.push_back(*one);
    }
    if (drawn.size() < source_.replicates.size() * 0.9) drawn.clear();
    const auto set = [&](const std::function<double(const TrajectoryRow&)>& get,
                         v1::BatchInterval& interval) {
      interval.set_value(get(*row));
      if (drawn.empty()) return;
      std::vector<double> values, scratch;
      for (const TrajectoryRow& one : drawn) values.push_back(get(one));
      const auto [low, high] = TailQuantiles(values, tail_, scratch);
      interval.set_low(low);
      interval.set_high(high);
    };
    set([](const TrajectoryRow& r) { return r.loss; }, *out.mutable_loss());
    set([](const TrajectoryRow& r) { return r.cost.steps; }, *out.mutable_steps());
    set([](const TrajectoryRow& r) { return r.cost.tokens; }, *out.mutable_tokens());
    set([](const TrajectoryRow& r) { return r.batch; }, *out.mutable_batch_size_tokens());
    set([](const TrajectoryRow& r) { return r.cost.critical_batch_tokens; }, *out.mutable_critical_batch());
    set([](const TrajectoryRow& r) { return r.cost.min_steps; }, *out.mutable_min_steps());
    set([](const TrajectoryRow& r) { return r.cost.min_tokens; }, *out.mutable_min_tokens());
  }

 private:
  const TrajectorySource& source_;
  double params_, tail_;
};

void WarnBeyond(const TrajectorySource& source, const char* variable, double value,
                v1::AnswerTrajectoryResponse& response) {
  const auto range = source.fitted.find(variable);
  if (range == source.fitted.end() || !(value > 0)) return;
  if (value > 2 * range->second.high || value < range->second.low / 2) {
    response.add_warnings(absl::StrCat(variable, " = ", value, " lies beyond what was fitted, ",
                                       range->second.low, " to ", range->second.high));
  }
}

}  // namespace

absl::Status AnswerTrajectory(Core& core, const v1::AnswerTrajectoryRequest& request,
                              v1::AnswerTrajectoryResponse& response) {
  RETURN_IF_ERROR(CheckNumbers(request));
  if (ParseFitName(request.source()) && !request.parameters().empty())
    return InvalidField("parameters", "a fit has its own");
  ASSIGN_OR_RETURN(const TrajectorySource source,
                   ParseFitName(request.source()) ? OfFit(core, request.source()) : OfLaw(core, request));
  const TrajectoryAnswerer answerer(source, request);
  std::vector<double> batches;
  for (const double batch : request.batch_sizes_tokens()) batches.push_back(batch);
  if (batches.empty()) batches.push_back(0);
  for (const double batch : batches) {
    for (const double loss : request.losses()) answerer.Answer(loss, 0, batch, *response.add_answers());
    for (const double steps : request.steps())
      answerer.Answer(std::nullopt, steps, batch, *response.add_answers());
    WarnBeyond(source, "B", batch, response);
  }
  WarnBeyond(source, "N", request.params(), response);
  return absl::OkStatus();
}

}  // namespace sextant::server
