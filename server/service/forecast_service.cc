// SPDX-License-Identifier: Apache-2.0
#include "server/service/forecast_service.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <utility>

#include "base/status_macros.h"
#include "server/convert/forecast.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/page_token.h"
#include "server/published.h"
#include "server/secret.h"
#include "server/service/prediction_service.h"
#include "server/service/score_forecasts.h"
#include "server/service/watch_run.h"
#include "storage/forecast_seal.h"

namespace sextant::server {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

namespace {

constexpr char kNotAForecast[] = "not of the form studies/STUDY/forecasts/FORECAST";

/// A forecast that lacks its time and seal, and the study that it is of.
struct MadeForecast {
  storage::Forecast forecast;
  std::int64_t study_uid = 0;
};

absl::StatusOr<MadeForecast> MakeForecast(const Core& core, const CallbackServerContext& context,
                                          const v1::CreateForecastRequest& request) {
  const auto study_id = ParseStudyName(request.parent());
  if (!study_id) return InvalidField("parent", "not of the form studies/STUDY");
  RETURN_IF_ERROR(RefusePublished(*study_id));
  RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  ASSIGN_OR_RETURN(const auto target, ForecastTarget(request));
  storage::Study study;
  {
    ASSIGN_OR_RETURN(const auto snapshot, core.Read());
    auto found = snapshot->GetStudy(*study_id);
    if (!found.ok()) return Annotate(found.status(), "study", request.parent());
    study = *std::move(found);
  }
  v1::PredictResponse response;
  RETURN_IF_ERROR(AnswerPrediction(core, context, target, response));
  if (response.predictions_size() != 1) {
    return UnmetPrecondition("ANSWER_WITHHELD", request.parent(),
                             absl::StrCat(response.predictions_size(), " sources answer: name one"));
  }
  MadeForecast made{ForecastFromPrediction(target, response.predictions(0), study, *core.fits.Load()),
                    study.uid};
  made.forecast.id = request.forecast_id().empty() ? "forecast-" + RandomHex(6) : request.forecast_id();
  return made;
}

absl::Status StoreForecast(const v1::CreateForecastRequest& request, MadeForecast& made,
                           storage::Transaction& transaction, v1::Forecast& response) {
  storage::Forecast& forecast = made.forecast;
  RETURN_IF_ERROR(CheckSameStudy(transaction, forecast.study_id, made.study_uid));
  ASSIGN_OR_RETURN(const auto size, transaction.GetStudySize(forecast.study_id));
  if (size.forecasts >= kMaxForecastsPerStudy) {
    return QuotaExceeded("FORECAST_LIMIT", request.parent(),
                         absl::StrCat("the study holds ", size.forecasts, " forecasts; delete some first"),
                         0);
  }
  const std::string name = ForecastName(forecast.study_id, forecast.id);
  if (transaction.GetForecast(forecast.study_id, forecast.id).ok()) return TakenResource("forecast", name);
  forecast.seal_time = Now();
  forecast.seal = storage::SealOf(forecast);
  response.Clear();
  ForecastToProto(forecast, response);
  return transaction.PutForecast(forecast);
}

}  // namespace

ServerUnaryReactor* ForecastService::CreateForecast(CallbackServerContext* context,
                                                    const v1::CreateForecastRequest* request,
                                                    v1::Forecast* response) {
  return core_.calls.OffloadHeavyAsync(
      context, *request, *response, [this, context, request, response](Finish finish) -> absl::Status {
        ASSIGN_OR_RETURN(auto checked, MakeForecast(core_, *context, *request));
        auto made = std::make_shared<MadeForecast>(std::move(checked));
        const std::string name = ForecastName(made->forecast.study_id, made->forecast.id);
        if (request->validate_only()) {
          made->forecast.seal_time = Now();
          made->forecast.seal = storage::SealOf(made->forecast);
          ForecastToProto(made->forecast, *response);
          finish(absl::OkStatus());
          return absl::OkStatus();
        }
        Commit(
            core_.writer, "forecast", name,
            [request, response, made](storage::Transaction& transaction) {
              return OncePerRequest(transaction, request->request_id(), *request, *response,
                                    [&](storage::Transaction& nested) {
                                      return StoreForecast(*request, *made, nested, *response);
                                    });
            },
            std::move(finish));
        return absl::OkStatus();
      });
}

ServerUnaryReactor* ForecastService::GetForecast(CallbackServerContext* context,
                                                 const v1::GetForecastRequest* request,
                                                 v1::Forecast* response) {
  return core_.calls.Offload(context, *request, [this, request, response]() -> absl::Status {
    const auto name = ParseForecastName(request->name());
    if (!name) return InvalidField("name", kNotAForecast);
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    auto forecast = snapshot->GetForecast(name->study, name->id);
    if (!forecast.ok()) return Annotate(forecast.status(), "forecast", request->name());
    ForecastToProto(*forecast, *response);
    return absl::OkStatus();
  });
}

ServerUnaryReactor* ForecastService::ListForecasts(CallbackServerContext* context,
                                                   const v1::ListForecastsRequest* request,
                                                   v1::ListForecastsResponse* response) {
  return core_.calls.OffloadLarge(context, *request, *response, [this, request, response]() -> absl::Status {
    const auto study = ParseStudyName(request->parent());
    if (!study) return InvalidField("parent", "not of the form studies/STUDY");
    ASSIGN_OR_RETURN(auto size, PageSize(request->page_size(), kDefaultForecastPage, kMaxForecastPage));
    const std::vector<std::string> arguments = {"ListForecasts", request->parent()};
    ASSIGN_OR_RETURN(auto after, ReadPageToken(arguments, request->page_token()));
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    auto page = snapshot->ListForecasts(*study, size, after);
    if (!page.ok()) return Annotate(page.status(), "study", request->parent());
    for (const storage::Forecast& forecast : page->items)
      ForecastToProto(forecast, *response->add_forecasts());
    response->set_next_page_token(MakePageToken(arguments, page->next_key));
    return absl::OkStatus();
  });
}

ServerUnaryReactor* ForecastService::ScoreForecasts(CallbackServerContext* context,
                                                    const v1::ScoreForecastsRequest* request,
                                                    v1::ScoreForecastsResponse* response) {
  return core_.calls.OffloadHeavyAsync(
      context, *request, *response, [this, context, request, response](Finish finish) -> absl::Status {
        ASSIGN_OR_RETURN(auto scored, server::ScoreForecasts(core_, *context, *request, *response));
        if (request->validate_only() || scored.forecasts.empty()) {
          finish(absl::OkStatus());
          return absl::OkStatus();
        }
        Commit(
            core_.writer, "study", request->parent(),
            [scored = std::move(scored)](storage::Transaction& transaction) -> absl::Status {
              RETURN_IF_ERROR(CheckSameStudy(transaction, scored.study, scored.study_uid));
              for (const auto& [id, scores] : scored.forecasts) {
                const absl::Status put = transaction.PutForecastScores(scored.study, id, scores);
                if (!put.ok() && !absl::IsNotFound(put)) return put;  // it was deleted meanwhile
              }
              return absl::OkStatus();
            },
            [this, finish = std::move(finish)](const absl::Status& status) {
              if (status.ok()) core_.LoadTrackRecords();
              finish(status);
            });
        return absl::OkStatus();
      });
}

ServerUnaryReactor* ForecastService::DeleteForecast(CallbackServerContext* context,
                                                    const v1::DeleteForecastRequest* request,
                                                    google::protobuf::Empty*) {
  return core_.calls.OffloadAsync(context, *request, [this, request](Finish finish) -> absl::Status {
    const auto name = ParseForecastName(request->name());
    if (!name) return InvalidField("name", kNotAForecast);
    RETURN_IF_ERROR(RefusePublished(name->study));
    auto was_scored = std::make_shared<bool>(false);
    Commit(
        core_.writer, "forecast", request->name(),
        [name = *name, was_scored](storage::Transaction& transaction) -> absl::Status {
          ASSIGN_OR_RETURN(const auto forecast, transaction.GetForecast(name.study, name.id));
          *was_scored = !forecast.scores.empty();
          return transaction.DeleteForecast(name.study, name.id);
        },
        [this, was_scored, finish = std::move(finish)](const absl::Status& status) {
          if (status.ok() && *was_scored) core_.LoadTrackRecords();
          finish(status);
        });
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::RunOutlook>* ForecastService::WatchRun(CallbackServerContext* context,
                                                                    const v1::WatchRunRequest* request) {
  return RunWatch::Begin(core_, *context, *request);
}

}  // namespace sextant::server
