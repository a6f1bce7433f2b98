#include "server/service/prediction_service.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <vector>

#include "server/convert/prediction.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"

namespace sextant::server {
namespace {

/// Predictors that answer together, as one entry.
using Group = std::vector<std::shared_ptr<const fitting::Predictor>>;

absl::Status AddLaw(const LawTable::Snapshot& laws, const std::string& id, std::vector<Group>& groups) {
  const auto found = laws.find(id);
  if (found == laws.end()) return MissingResource("law", LawName(id));
  if (!found->second.predictor) {
    return UnmetPrecondition("LAW_NOT_PUBLISHED", LawName(id),
                             absl::StrCat("law ", id, " has no published values: fit it to a study first"));
  }
  groups.push_back({found->second.predictor});
  return absl::OkStatus();
}

absl::Status AddStudy(const FitTable::Snapshot& fits, const LawTable::Snapshot& laws, const std::string& name,
                      std::vector<Group>& groups) {
  const auto id = ParseStudyName(name);
  if (!id) return InvalidField("studies", absl::StrCat("'", name, "' is not of the form studies/STUDY"));
  if (*id == kPublishedStudy) {
    for (const auto& [law_id, law] : laws) {
      if (law.predictor) groups.push_back({law.predictor});
    }
    return absl::OkStatus();
  }
  const auto found = fits.find(*id);
  if (found == fits.end()) return MissingResource("study", name);
  if (found->second->current.empty()) {
    return UnmetPrecondition("FIT_NOT_READY", name,
                             absl::StrCat(name, " has no finished fit; create one first"));
  }
  groups.push_back(found->second->current);
  return absl::OkStatus();
}

absl::Status AddFit(const FitTable::Snapshot& fits, const LawTable::Snapshot& laws, const std::string& name,
                    std::vector<Group>& groups) {
  const auto fit = ParseFitName(name);
  if (!fit)
    return InvalidField("fits", absl::StrCat("'", name, "' is not of the form studies/STUDY/fits/FIT"));
  if (fit->study == kPublishedStudy) return AddLaw(laws, fit->id, groups);
  const auto study = fits.find(fit->study);
  if (study == fits.end()) return MissingResource("study", StudyName(fit->study));
  const auto found = study->second->fits.find(fit->id);
  if (found == study->second->fits.end()) return MissingResource("fit", name);
  const ServedFit& served = found->second;
  if (!served.predictor) {
    return UnmetPrecondition("FIT_NOT_READY", name,
                             served.state == storage::FitState::kRunning
                                 ? absl::StrCat(name, " still runs; watch it until it has ended")
                                 : absl::StrCat(name, " has no result: ", served.error));
  }
  groups.push_back({served.predictor});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Group>> Choose(const v1::PredictRequest& request, const FitTable::Snapshot& fits,
                                          const LawTable::Snapshot& laws) {
  const int sources = request.studies_size() + request.fits_size() + request.laws_size();
  if (sources > kMaxPredictSources) {
    return InvalidField("studies", absl::StrCat("studies, fits and laws are ", sources, " together; at most ",
                                                kMaxPredictSources, " are answered at a time"));
  }
  std::vector<Group> groups;
  if (sources == 0) {
    absl::Status status = AddStudy(fits, laws, StudyName(kPublishedStudy), groups);
    if (!status.ok()) return status;
  }
  for (const std::string& name : request.studies()) {
    if (absl::Status status = AddStudy(fits, laws, name, groups); !status.ok()) return status;
  }
  for (const std::string& name : request.fits()) {
    if (absl::Status status = AddFit(fits, laws, name, groups); !status.ok()) return status;
  }
  for (const std::string& name : request.laws()) {
    const auto id = ParseLawName(name);
    if (absl::Status status = AddLaw(laws, id ? *id : name, groups); !status.ok()) return status;
  }
  return groups;
}

fitting::Prediction Answer(const Group& group, const fitting::PredictionTarget& target) {
  fitting::Prediction prediction;
  for (const auto& predictor : group) predictor->Predict(target, prediction);
  return prediction;
}

// Why nothing was answered: too far out, if dropping that limit gives an answer.
absl::Status NothingAnswered(const std::vector<Group>& groups, fitting::PredictionTarget target,
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
    for (const Group& group : groups) {
      const fitting::Prediction answer = Answer(group, target);
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

}  // namespace

grpc::ServerUnaryReactor* PredictionService::Predict(grpc::CallbackServerContext* context,
                                                     const v1::PredictRequest* request,
                                                     v1::PredictResponse* response) {
  return core_.calls.Inline(context, [&]() -> absl::Status {
    const auto target = TargetFromProto(*request);
    if (!target.ok()) return target.status();
    const auto fits = core_.fits.Load();
    const auto laws = core_.laws->Load();
    const auto groups = Choose(*request, *fits, *laws);
    if (!groups.ok()) return groups.status();
    for (const Group& group : *groups) AddPrediction(Answer(group, *target), *response);
    if (response->predictions_size() == 0) return NothingAnswered(*groups, *target, *response);
    return absl::OkStatus();
  });
}

}  // namespace sextant::server
