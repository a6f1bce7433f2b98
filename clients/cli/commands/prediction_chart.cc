// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/fit_chart.h"
#include "clients/cli/commands/predict_print.h"
#include "clients/cli/commands/study_runs.h"
#include "clients/cli/output/quantity.h"
#include "sextant/v1/fit_service.grpc.pb.h"
#include "sextant/v1/prediction_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using chart::Mark;
using chart::Series;

constexpr int kPlaces = 40;
constexpr std::size_t kMostSources = 8;
// Around the target where no fit says how far its data go.
constexpr double kBelow = 100, kAbove = 10, kBeyondTarget = 2;
constexpr const char* kQuantities[] = {
    "learning_rate", "batch_size_tokens", "critical_batch_size_tokens", "loss", "params", "tokens",
    "weight_decay",  "adam_beta2"};

// What one source says over tokens.
struct Told {
  std::vector<double> x;
  std::vector<v1::Quantity> values;
  std::vector<bool> beyond;
};

// From where the fits' data begin to a little past the target.
int TokensRange(Session& session, const v1::PredictRequest& request, const v1::PredictResponse& response,
                double* low, double* high) {
  *low = request.tokens() / kBelow;
  *high = request.tokens() * kAbove;
  bool fitted = false;
  for (const v1::Prediction& prediction : response.predictions()) {
    for (const std::string& name : prediction.fits()) {
      if (name.rfind("studies/published/", 0) == 0) continue;
      v1::GetFitRequest get;
      get.set_name(name);
      v1::Fit fit;
      if (const int code = session.Call(&v1::FitService::Stub::GetFit, get, &fit); code != kExitOk)
        return code;
      for (const v1::FittedRange& range : fit.fitted_ranges()) {
        if (range.variable() != "D" || !(range.low() > 0)) continue;
        *low = fitted ? std::min(*low, range.low()) : std::min(range.low(), request.tokens());
        *high = std::max(fitted ? *high : 0.0, std::max(range.high(), kBeyondTarget * request.tokens()));
        fitted = true;
      }
    }
  }
  return kExitOk;
}

bool IsBeyond(const v1::Prediction& prediction) {
  constexpr double kInside = 1 + 1e-9;
  return prediction.has_extrapolation() &&
         (prediction.extrapolation().params() > kInside || prediction.extrapolation().tokens() > kInside);
}

void AddSource(const std::string& name, const Told& told, int color, bool with_band, chart::Chart* chart) {
  Series band;
  band.mark = Mark::kBand;
  band.color = color;
  band.name = with_band ? "its interval" : "";
  // Strokes of one kind; each begins where the one before ends.
  std::vector<Series> strokes;
  for (std::size_t i = 0; i < told.x.size(); ++i) {
    if (strokes.empty() || strokes.back().dashed != told.beyond[i]) {
      Series stroke;
      stroke.color = color;
      stroke.dashed = told.beyond[i];
      if (strokes.empty()) {
        stroke.name = name;
      } else {
        stroke.x.push_back(strokes.back().x.back());
        stroke.y.push_back(strokes.back().y.back());
      }
      strokes.push_back(std::move(stroke));
    }
    strokes.back().x.push_back(told.x[i]);
    strokes.back().y.push_back(told.values[i].value());
    if (!told.values[i].has_low()) continue;
    band.x.push_back(told.x[i]);
    band.low.push_back(told.values[i].low());
    band.high.push_back(told.values[i].high());
  }
  if (with_band && !band.x.empty()) chart->series.push_back(std::move(band));
  for (Series& stroke : strokes) chart->series.push_back(std::move(stroke));
}

void AddTarget(const v1::PredictRequest& request, const v1::Quantity& quantity, int color, bool named,
               chart::Chart* chart) {
  Series target;
  target.mark = Mark::kPoints;
  target.color = color;
  if (named) target.name = "target";
  target.x = {request.tokens()};
  target.y = {quantity.value()};
  if (quantity.has_low()) {
    target.low = {quantity.low()};
    target.high = {quantity.high()};
  }
  chart->series.push_back(std::move(target));
}

// Of the first study that was asked, if any; published laws predict nats per token.
int LossUnit(Session& session, const v1::PredictRequest& request, std::string* unit) {
  *unit = "nats per token";
  if (request.studies().empty()) return kExitOk;
  v1::GetStudyRequest get;
  get.set_name(request.studies(0));
  v1::Study study;
  const int code = session.Call(&v1::StudyService::Stub::GetStudy, get, &study);
  if (code == kExitOk) *unit = LossUnitText(study.loss_unit());
  return code;
}

// By source and quantity, over the range.
using Answers = std::map<std::pair<std::string, std::string>, Told>;

int ReadAnswers(Session& session, const v1::PredictRequest& request, double low, double high,
                Answers* answers) {
  v1::PredictRequest at = request;
  for (int i = 0; i <= kPlaces; ++i) {
    at.set_tokens(low * std::pow(high / low, static_cast<double>(i) / kPlaces));
    v1::PredictResponse response;
    const grpc::Status status = session.TryCall(&v1::PredictionService::Stub::Predict, at, &response);
    if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION ||
        status.error_code() == grpc::StatusCode::OUT_OF_RANGE) {
      continue;
    }
    if (!status.ok()) return session.FailServer(status);
    for (const v1::Prediction& prediction : response.predictions()) {
      for (const char* name : kQuantities) {
        v1::Quantity quantity;
        if (!QuantityOf(prediction, name, &quantity)) continue;
        Told& told = (*answers)[{PredictionSource(prediction), name}];
        told.x.push_back(at.tokens());
        told.values.push_back(quantity);
        told.beyond.push_back(IsBeyond(prediction));
      }
    }
  }
  return kExitOk;
}

}  // namespace

int PredictionCharts(Session& session, const v1::PredictRequest& request, const v1::PredictResponse& response,
                     std::vector<chart::Chart>* charts) {
  double low = 0, high = 0;
  if (const int code = TokensRange(session, request, response, &low, &high); code != kExitOk) return code;
  Answers answers;
  if (const int code = ReadAnswers(session, request, low, high, &answers); code != kExitOk) return code;
  std::string unit;
  if (const int code = LossUnit(session, request, &unit); code != kExitOk) return code;
  for (const char* name : kQuantities) {
    chart::Chart chart;
    const bool count = std::string(name).find("tokens") != std::string::npos || std::string(name) == "params";
    chart.x = {"tokens", true, true, {}, {}};
    chart.y = {QuantityLabel(name, unit), std::string(name) != "adam_beta2", count, {}, {}};
    chart.title = QuantityLabel(name, unit) + " at N = " + FormatCount(request.params());
    std::vector<const v1::Prediction*> sources;
    for (const v1::Prediction& prediction : response.predictions()) {
      v1::Quantity quantity;
      if (QuantityOf(prediction, name, &quantity)) sources.push_back(&prediction);
    }
    if (sources.empty()) continue;
    for (std::size_t i = 0; i < std::min(sources.size(), kMostSources); ++i) {
      const std::string source = PredictionSource(*sources[i]);
      v1::Quantity quantity;
      QuantityOf(*sources[i], name, &quantity);
      AddSource(source, answers[{source, name}], static_cast<int>(i), sources.size() == 1, &chart);
      AddTarget(request, quantity, static_cast<int>(i), i == 0, &chart);
    }
    if (sources.size() > kMostSources) {
      chart.notes.push_back(std::to_string(sources.size() - kMostSources) +
                            " more sources are not drawn; --law and --fit choose");
    }
    chart.notes.push_back("solid: within the fitted range; dashed: beyond it, in tokens or parameters");
    charts->push_back(std::move(chart));
  }
  return kExitOk;
}

}  // namespace sextant::cli
