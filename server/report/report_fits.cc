// SPDX-License-Identifier: Apache-2.0
#include "server/report/report_fits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "sextant/v1/fit_service.grpc.pb.h"
#include "sextant/v1/law_service.grpc.pb.h"
#include "sextant/v1/prediction_service.grpc.pb.h"

namespace sextant::server::report {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kTokensPerParameter = 20, kFlopsPerTokenAndParameter = 6;
constexpr int kStepsOfALine = 32;
constexpr std::size_t kLines = 4;
constexpr double kBeyondData = 30;
// The calculator's grid: every third of a decade, to a thousand times the data. Power laws are exact between
// its places.
constexpr double kGridReach = 1000, kGridStep = 2.1544346900318843;
constexpr std::size_t kMostGridPlaces = 22;

// Not answered is an answer; anything else is an error.
bool IsRefusal(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::FAILED_PRECONDITION ||
         status.error_code() == grpc::StatusCode::OUT_OF_RANGE ||
         status.error_code() == grpc::StatusCode::INVALID_ARGUMENT;
}

const v1::Quantity* Find(const v1::Prediction& prediction, const std::string& name) {
  const auto* field = v1::Prediction::descriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated() || field->message_type() != v1::Quantity::descriptor())
    return nullptr;
  if (!prediction.GetReflection()->HasField(prediction, field)) return nullptr;
  return &static_cast<const v1::Quantity&>(prediction.GetReflection()->GetMessage(prediction, field));
}

grpc::Status AddPrediction(const ServiceClient& client, const v1::Fit& fit, double params, double tokens,
                           Values* values) {
  v1::PredictRequest request;
  request.add_fits(fit.name());
  request.set_params(params);
  request.set_tokens(tokens);
  v1::PredictResponse response;
  const grpc::Status status = client.Call(&v1::PredictionService::Stub::Predict, request, &response);
  if (!status.ok() && !IsRefusal(status)) return status;
  values->Add(response.predictions().empty() ? nullptr : Find(response.predictions(0), fit.predicts()));
  return grpc::Status::OK;
}

struct Span {
  double low = 0, high = 0;
};

Span SpanOf(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

// Of many models the quantiles.
std::vector<double> LineModels(const ReportStudy& study) {
  std::set<double> all;
  for (const ReportCell& cell : study.cells) all.insert(cell.params);
  std::vector<double> models(all.begin(), all.end());
  if (models.size() <= kLines) return models;
  std::vector<double> chosen;
  for (std::size_t i = 0; i < kLines; ++i) chosen.push_back(models[i * (models.size() - 1) / (kLines - 1)]);
  return chosen;
}

grpc::Status AddLines(const ServiceClient& client, const ReportStudy& study, ReportFit* fit) {
  std::set<std::string> variables;
  for (const v1::LawVariable& variable : fit->law.variables()) variables.insert(variable.name());
  for (const char* name : {"D", "N", "C"}) {
    if (fit->over.empty() && variables.contains(name)) fit->over = name;
  }
  if (fit->over.empty() || study.cells.empty()) return grpc::Status::OK;
  const bool by_model = fit->over == "D" && variables.contains("N");
  std::vector<double> places;
  for (const ReportCell& cell : study.cells) {
    places.push_back(fit->over == "D"   ? cell.tokens
                     : fit->over == "N" ? cell.params
                                        : kFlopsPerTokenAndParameter * cell.params * cell.tokens);
  }
  const Span span = SpanOf(places);
  for (const double model : by_model ? LineModels(study) : std::vector<double>{kMissing}) {
    FitLine line;
    line.params = model;
    for (int i = 0; i <= kStepsOfALine; ++i) {
      const double x =
          span.low * std::pow(kBeyondData * span.high / span.low, static_cast<double>(i) / kStepsOfALine);
      double params = std::isnan(model) ? study.cells.front().params : model, tokens = x;
      if (fit->over == "N") params = x, tokens = kTokensPerParameter * x;
      if (fit->over == "C") {
        params = std::sqrt(x / (kFlopsPerTokenAndParameter * kTokensPerParameter));
        tokens = kTokensPerParameter * params;
      }
      const grpc::Status status = AddPrediction(client, fit->fit, params, tokens, &line.values);
      if (!status.ok()) return status;
      line.x.push_back(x);
    }
    fit->lines.push_back(std::move(line));
  }
  return grpc::Status::OK;
}

// Steps through the data and beyond, `kMostGridPlaces` at most.
std::vector<double> GridPlaces(const Span& span) {
  const double top = kGridReach * span.high;
  const double step = std::max(kGridStep, std::pow(top / span.low, 1.0 / (kMostGridPlaces - 1)));
  std::vector<double> places;
  for (double at = span.low; at <= top * (1 + 1e-9); at *= step) places.push_back(at);
  return places;
}

constexpr const char* kGridQuantities[] = {"learning_rate", "batch_size_tokens", "critical_batch_size_tokens",
                                           "loss",          "weight_decay",      "adam_beta2"};

}  // namespace

void Values::Add(const v1::Quantity* quantity) {
  const bool interval = quantity != nullptr && quantity->has_low() && quantity->has_high();
  value.push_back(quantity != nullptr ? quantity->value() : kMissing);
  low.push_back(interval ? quantity->low() : kMissing);
  high.push_back(interval ? quantity->high() : kMissing);
}

grpc::Status ReadFits(const ServiceClient& client, const ReportStudy& study, std::size_t most,
                      std::vector<ReportFit>* fits) {
  v1::ListFitsRequest list;
  list.set_parent(study.study.name());
  list.set_page_size(1000);
  std::set<std::string> laws;
  grpc::Status status =
      client.EachPage(&v1::FitService::Stub::ListFits, list, [&](const v1::ListFitsResponse& page) {
        for (const v1::Fit& fit : page.fits()) {
          // Newest first: an older fit of the same law has been replaced.
          if (fit.state() != v1::FIT_SUCCEEDED || fits->size() == most || !laws.insert(fit.law()).second)
            continue;
          fits->push_back({});
          fits->back().fit = fit;
        }
        return true;
      });
  for (ReportFit& fit : *fits) {
    if (!status.ok()) return status;
    v1::GetLawRequest get;
    get.set_name("laws/" + fit.fit.law());
    status = client.Call(&v1::LawService::Stub::GetLaw, get, &fit.law);
    if (status.ok()) status = AddLines(client, study, &fit);
    for (const ReportCell& cell : study.cells) {
      if (status.ok()) status = AddPrediction(client, fit.fit, cell.params, cell.tokens, &fit.at_cells);
    }
  }
  return status;
}

grpc::Status ReadGrid(const ServiceClient& client, const ReportStudy& study, ReportGrid* grid) {
  if (study.cells.empty()) return grpc::Status::OK;
  std::vector<double> params, tokens;
  for (const ReportCell& cell : study.cells) {
    params.push_back(cell.params);
    tokens.push_back(cell.tokens);
  }
  grid->params = GridPlaces(SpanOf(params));
  grid->tokens = GridPlaces(SpanOf(tokens));
  for (const double n : grid->params) {
    for (const double d : grid->tokens) {
      v1::PredictRequest request;
      request.add_studies(study.study.name());
      request.set_params(n);
      request.set_tokens(d);
      v1::PredictResponse response;
      const grpc::Status status = client.Call(&v1::PredictionService::Stub::Predict, request, &response);
      if (!status.ok() && !IsRefusal(status)) return status;
      const v1::Prediction* prediction = response.predictions().empty() ? nullptr : &response.predictions(0);
      for (const char* name : kGridQuantities) {
        const v1::Quantity* quantity = prediction == nullptr ? nullptr : Find(*prediction, name);
        ReportGrid::Quantity& at = grid->quantities[name];
        at.values.Add(quantity);
        v1::Quantity band;
        if (quantity != nullptr && quantity->has_near_optimal_low()) {
          band.set_low(quantity->near_optimal_low());
          band.set_high(quantity->near_optimal_high());
        }
        at.near_optimal.Add(&band);
      }
      const bool last = n == grid->params.back() && d == grid->tokens.back();
      if (last && prediction != nullptr) {
        grid->warnings.assign(prediction->warnings().begin(), prediction->warnings().end());
      }
    }
  }
  // What is answered nowhere is left out.
  std::erase_if(grid->quantities, [](const auto& item) {
    const auto& values = item.second.values.value;
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  });
  return grpc::Status::OK;
}

}  // namespace sextant::server::report
