// SPDX-License-Identifier: Apache-2.0
#include "server/service/prediction_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "base/status_macros.h"
#include "server/convert/prediction.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/literature.h"
#include "server/names.h"
#include "server/predict_sources.h"
#include "server/service/batch_prediction.h"

namespace sextant::server {
namespace {

// Why nothing was answered: too far out, if dropping that limit gives an answer.
absl::Status NothingAnswered(const std::vector<PredictorGroup>& groups, fitting::PredictionTarget target,
                             const v1::PredictResponse& response) {
  std::string reason =
      response.unanswered_size() > 0 ? response.unanswered(0).reason() : "nothing predicts here";
  if (response.unanswered_size() > 0) {
    reason = absl::StrCat(response.unanswered(0).source(), ": ", reason);
  }
  if (response.unanswered_size() > 1)
    absl::StrAppend(&reason, " (and ", response.unanswered_size() - 1, " more)");
  if (target.max_extrapolation) {
    const double limit = *target.max_extrapolation;
    target.max_extrapolation.reset();
    for (const PredictorGroup& group : groups) {
      const fitting::Prediction answer = fitting::PredictTogether(group, target);
      if (answer.quantities.empty() && answer.other.empty()) continue;
      return WithReason(absl::OutOfRangeError(reason), "EXTRAPOLATION_LIMIT",
                        {{"limit", absl::StrCat(limit)},
                         {"extrapolation_params", absl::StrCat(answer.extrapolation_params)},
                         {"extrapolation_tokens", absl::StrCat(answer.extrapolation_tokens)},
                         {"permitted_by", "max_extrapolation"}});
    }
  }
  return UnmetPrecondition("ANSWER_WITHHELD", "prediction", reason);
}

std::size_t ReplicatesOf(const fitting::Predictor& predictor) {
  return predictor.fit() != nullptr ? static_cast<std::size_t>(predictor.fit()->bootstrap_replicates) : 0;
}

absl::Status AnswerAll(const Core& core, const grpc::CallbackServerContext& context,
                       const v1::PredictRequest& request, v1::PredictResponse& response) {
  const auto target = TargetFromProto(request);
  if (!target.ok()) return target.status();
  const auto fits = core.fits.Load();
  const auto laws = core.laws->Load();
  const auto groups = ChooseSources(request.studies(), request.fits(), request.laws(), *fits, *laws);
  if (!groups.ok()) return groups.status();
  for (const PredictorGroup& group : *groups) {
    for (const auto& predictor : group) {
      if (ReplicatesOf(*predictor) > kInlineReplicates / 2) {
        if (absl::Status given_up = CheckCancelled(context); !given_up.ok()) return given_up;
      }
    }
    AddPrediction(fitting::PredictTogether(group, *target), response);
  }
  // With nothing chosen, what the published laws say together comes before what each says.
  const bool chosen = request.studies_size() + request.fits_size() + request.laws_size() > 0;
  if (!chosen && !target->batch_size_tokens && !target->max_extrapolation) {
    AddPrediction(PredictFromLiterature(*laws, SweepRuns(), *target), response);
    auto& predictions = *response.mutable_predictions();
    std::rotate(predictions.pointer_begin(), predictions.pointer_end() - 1, predictions.pointer_end());
  }
  if (response.predictions_size() == 0) return NothingAnswered(*groups, *target, response);
  return absl::OkStatus();
}

/// Studies of the request that have no fit of their own at all, for which the literature stands in.
std::vector<std::string> StudiesWithoutFits(const Core& core, const v1::PredictRequest& request) {
  std::vector<std::string> without;
  const auto fits = core.fits.Load();
  if (request.has_batch_size_tokens() || request.has_max_extrapolation()) return without;
  for (const std::string& name : request.studies()) {
    const auto id = ParseStudyName(name);
    if (!id || *id == kPublishedStudy) continue;
    const auto found = fits->find(*id);
    if (found != fits->end() && found->second->current.empty() && found->second->damage.empty() &&
        found->second->left_out.empty())
      without.push_back(*id);
  }
  return without;
}

/// The same where studies have no fit yet: their runs are read, and correct what the published laws say
/// together.
absl::Status AnswerWithLiterature(const Core& core, const grpc::CallbackServerContext& context,
                                  const v1::PredictRequest& request, const std::vector<std::string>& without,
                                  v1::PredictResponse& response) {
  const auto target = TargetFromProto(request);
  if (!target.ok()) return target.status();
  v1::PredictRequest rest = request;
  rest.clear_studies();
  for (const std::string& name : request.studies()) {
    const auto id = ParseStudyName(name);
    if (!id || std::find(without.begin(), without.end(), *id) == without.end()) rest.add_studies(name);
  }
  if (rest.studies_size() + rest.fits_size() + rest.laws_size() > 0) {
    RETURN_IF_ERROR(AnswerAll(core, context, rest, response));
  }
  const auto laws = core.laws->Load();
  for (const std::string& id : without) {
    SweepRuns runs;
    {
      ASSIGN_OR_RETURN(const auto snapshot, core.Read());
      auto study = snapshot->GetStudy(id);
      if (!study.ok()) return Annotate(study.status(), "study", StudyName(id));
      ASSIGN_OR_RETURN(runs, LoadSweepRuns(*snapshot, *study, {}));
    }
    fitting::Prediction prediction = PredictFromLiterature(*laws, runs, *target);
    prediction.warnings.push_back(
        absl::StrCat(StudyName(id), " has no finished fit: published laws",
                     runs.finished > 0 ? absl::StrCat(", corrected by its ", runs.finished, " runs,") : "",
                     " stand in (sextant fits create)"));
    AddPrediction(prediction, response);
  }
  return absl::OkStatus();
}

/// Says of fits whose stored forecasts failed that they did.
void WarnOfFailures(const Core& core, v1::PredictResponse& response) {
  const auto failing = core.track_records.Load();
  if (failing->empty()) return;
  for (v1::Prediction& prediction : *response.mutable_predictions()) {
    for (const std::string& fit : prediction.fits()) {
      if (const auto found = failing->find(fit); found != failing->end())
        prediction.add_warnings(found->second);
    }
  }
}

/// How many replicates a request is pushed through; 0 for one that is refused anyway.
std::size_t ReplicatesOf(const Core& core, const v1::PredictRequest& request) {
  if (request.studies().empty() && request.fits().empty()) return 0;
  const auto groups =
      ChooseSources(request.studies(), request.fits(), request.laws(), *core.fits.Load(), *core.laws->Load());
  std::size_t replicates = 0;
  if (!groups.ok()) return 0;
  for (const PredictorGroup& group : *groups) {
    for (const auto& predictor : group) replicates += ReplicatesOf(*predictor);
  }
  return replicates;
}

}  // namespace

absl::Status AnswerPrediction(const Core& core, const grpc::CallbackServerContext& context,
                              const v1::PredictRequest& request, v1::PredictResponse& response) {
  const std::vector<std::string> without = StudiesWithoutFits(core, request);
  const absl::Status status = without.empty()
                                  ? AnswerAll(core, context, request, response)
                                  : AnswerWithLiterature(core, context, request, without, response);
  if (status.ok()) WarnOfFailures(core, response);
  return status;
}

grpc::ServerUnaryReactor* PredictionService::Predict(grpc::CallbackServerContext* context,
                                                     const v1::PredictRequest* request,
                                                     v1::PredictResponse* response) {
  const auto answer = [this, context, request, response] {
    return AnswerPrediction(core_, *context, *request, *response);
  };
  // Of studies without a fit the runs are read.
  if (StudiesWithoutFits(core_, *request).empty() && !request->has_schedule() &&
      ReplicatesOf(core_, *request) <= kInlineReplicates) {
    return core_.calls.Inline(context, *request, answer);
  }
  return core_.calls.OffloadHeavy(context, *request, *response, answer);
}

namespace {

constexpr int kMaxPenaltyAxis = 100;

/// The fit whose loss surface answers: the one named, or the study's current fit of the rate, else of the
/// batch.
absl::StatusOr<std::shared_ptr<const fitting::Predictor>> PenaltySource(const Core& core,
                                                                        const std::string& parent) {
  std::vector<PredictorGroup> groups;
  const auto fits = core.fits.Load();
  const auto laws = core.laws->Load();
  RETURN_IF_ERROR(ParseFitName(parent) ? AddFitGroup(*fits, *laws, parent, groups)
                                       : AddStudyGroup(*fits, *laws, parent, groups));
  for (const fitting::Target wanted : {fitting::Target::kLearningRate, fitting::Target::kBatchSizeTokens}) {
    for (const auto& predictor : groups.front()) {
      if (predictor->fit() != nullptr && predictor->target() == wanted) return predictor;
    }
  }
  return UnmetPrecondition("NO_SURFACE", parent,
                           absl::StrCat(parent, " has no fit of a learning rate or batch size"));
}

/// The values asked for, checked; else factors of 2 around the optimum, if there is one.
absl::StatusOr<std::vector<double>> Axis(const google::protobuf::RepeatedField<double>& given,
                                         const char* field, const fitting::Prediction& prediction,
                                         fitting::Target target,
                                         const std::map<std::string, fitting::Range>& fitted) {
  if (given.size() > kMaxPenaltyAxis)
    return InvalidField(field, absl::StrCat("at most ", kMaxPenaltyAxis, " values"));
  for (const double value : given) {
    if (!(value > 0 && value < 1e30)) return InvalidField(field, "must be positive and finite");
  }
  if (!given.empty()) return std::vector<double>(given.begin(), given.end());
  const auto optimum = prediction.quantities.find(target);
  if (optimum == prediction.quantities.end()) {
    // An axis that the sweep did not vary stays where the runs were.
    const auto runs = fitted.find(target == fitting::Target::kLearningRate ? "learning_rate" : "B");
    if (runs != fitted.end() && runs->second.low > 0 && std::isfinite(runs->second.high)) {
      return std::vector<double>{std::sqrt(runs->second.low * runs->second.high)};
    }
    return InvalidField(field, "missing: no fit of the study predicts a value to centre the grid on");
  }
  std::vector<double> axis;
  for (const double factor : {0.25, 0.5, 1.0, 2.0, 4.0}) axis.push_back(factor * optimum->second.value);
  return axis;
}

absl::StatusOr<std::vector<fitting::PenaltyPoint>> PenaltyGrid(const grpc::CallbackServerContext& context,
                                                               const fitting::Predictor& source,
                                                               const fitting::PredictionTarget& target,
                                                               const std::vector<double>& rates,
                                                               const std::vector<double>& batches) {
  const std::size_t points = rates.size() * batches.size();
  const std::size_t most = kMaxPenaltyEvaluations / std::max<std::size_t>(1, ReplicatesOf(source));
  if (points > most) {
    return InvalidField("learning_rates",
                        absl::StrCat("a grid of ", points, " points over ", ReplicatesOf(source),
                                     " replicates: at most ", most, " points are answered for this fit"));
  }
  return source.Penalties(target, rates, batches, [&context] { return context.IsCancelled(); });
}

absl::Status Penalties(const Core& core, const grpc::CallbackServerContext& context,
                       const v1::PredictPenaltyRequest& request, v1::PredictPenaltyResponse& response) {
  v1::PredictRequest at;
  at.set_params(request.params());
  at.set_tokens(request.tokens());
  if (request.has_interval()) at.set_interval(request.interval());
  ASSIGN_OR_RETURN(const auto target, TargetFromProto(at));
  ASSIGN_OR_RETURN(const auto source, PenaltySource(core, request.parent()));
  // Centres come from every current fit of the study, since one law predicts one of the two.
  std::vector<PredictorGroup> groups;
  fitting::Prediction prediction;
  if (AddStudyGroup(*core.fits.Load(), *core.laws->Load(), StudyName(source->fit()->study_id), groups).ok()) {
    prediction = fitting::PredictTogether(groups.front(), target);
  }
  source->Predict(target, prediction);
  const std::map<std::string, fitting::Range>& fitted = source->fit()->fitted_range;
  ASSIGN_OR_RETURN(const auto rates, Axis(request.learning_rates(), "learning_rates", prediction,
                                          fitting::Target::kLearningRate, fitted));
  ASSIGN_OR_RETURN(const auto batches, Axis(request.batch_sizes_tokens(), "batch_sizes_tokens", prediction,
                                            fitting::Target::kBatchSizeTokens, fitted));
  const auto points = PenaltyGrid(context, *source, target, rates, batches);
  if (absl::IsFailedPrecondition(points.status()))
    return UnmetPrecondition("NO_SURFACE", request.parent(), std::string(points.status().message()));
  if (!points.ok()) return points.status();
  for (const fitting::PenaltyPoint& point : *points) {
    v1::PenaltyPoint& out = *response.add_points();
    out.set_learning_rate(point.learning_rate);
    out.set_batch_size_tokens(point.batch_size_tokens);
    out.set_expected(point.expected);
    if (point.low) out.set_low(*point.low);
    if (point.high) out.set_high(*point.high);
  }
  if (!prediction.fits.empty()) response.set_fit(prediction.fits.back());
  for (const std::string& warning : prediction.warnings) response.add_warnings(warning);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerWriteReactor<v1::PredictBatchResponse>* PredictionService::PredictBatch(
    grpc::CallbackServerContext* context, const v1::PredictBatchRequest* request) {
  return BatchPrediction::Begin(core_, *context, *request);
}

grpc::ServerUnaryReactor* PredictionService::PredictPenalty(grpc::CallbackServerContext* context,
                                                            const v1::PredictPenaltyRequest* request,
                                                            v1::PredictPenaltyResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, context, request, response] {
    return Penalties(core_, *context, *request, *response);
  });
}

}  // namespace sextant::server
