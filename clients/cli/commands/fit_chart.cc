// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/fit_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/study_runs.h"
#include "clients/cli/output/quantity.h"
#include "sextant/v1/law_service.grpc.pb.h"
#include "sextant/v1/prediction_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using chart::Mark;
using chart::Series;

constexpr int kSteps = 32;      // of a line; laws are smooth
constexpr double kBeyond = 10;  // how far past the data a line goes
constexpr std::size_t kMostLines = 4, kMostPoints = 2000;
constexpr double kSameN = 1.02;  // counts of one model differ by less
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Range {
  double low = 0, high = 0;
};

std::map<std::string, Range> RangesOf(const v1::Fit& fit) {
  std::map<std::string, Range> ranges;
  for (const v1::FittedRange& range : fit.fitted_ranges())
    ranges[range.variable()] = {range.low(), range.high()};
  return ranges;
}

// What the line runs over, and how a place on it becomes a request.
struct Over {
  std::string variable;     // D, N, C or L
  bool per_params = false;  // D, at several N
  Range range;
};

struct Observation {
  double params = kNaN, tokens = kNaN, value = kNaN;
  bool held_out = false;
};

v1::PredictRequest RequestAt(const v1::Fit& fit, const Over& over, double x, double params) {
  v1::PredictRequest request;
  request.add_fits(fit.name());
  // Twenty tokens a parameter where a law is in the compute alone: any split gives the same.
  constexpr double kTokensPerParameter = 20;
  request.set_params(params);
  request.set_tokens(kTokensPerParameter * params);
  if (over.variable == "D") request.set_tokens(x);
  if (over.variable == "N") request.set_params(x);
  if (over.variable == "N") request.set_tokens(kTokensPerParameter * x);
  if (over.variable == "C") {
    request.set_params(std::sqrt(x / (6 * kTokensPerParameter)));
    request.set_tokens(x / (6 * request.params()));
  }
  if (over.variable == "L") request.set_loss_nats(x);
  return request;
}

// The models of the data, smallest first; of many the quantiles.
std::vector<double> Models(const std::vector<Observation>& data, const std::map<std::string, Range>& ranges) {
  std::vector<double> all, models;
  for (const Observation& each : data) {
    if (each.params > 0) all.push_back(each.params);
  }
  std::sort(all.begin(), all.end());
  for (const double params : all) {
    if (models.empty() || params > kSameN * models.back()) models.push_back(params);
  }
  const auto range = ranges.find("N");
  if (models.empty() && range != ranges.end()) models = {range->second.low, range->second.high};
  if (models.empty()) models = {1e9};
  if (models.size() <= kMostLines) return models;
  std::vector<double> chosen;
  for (std::size_t i = 0; i < kMostLines; ++i) {
    chosen.push_back(models[i * (models.size() - 1) / (kMostLines - 1)]);
  }
  return chosen;
}

std::size_t NearestModel(const std::vector<double>& models, double params) {
  std::size_t nearest = 0;
  for (std::size_t i = 1; i < models.size(); ++i) {
    if (std::fabs(std::log(models[i] / params)) < std::fabs(std::log(models[nearest] / params))) nearest = i;
  }
  return nearest;
}

double ValueOf(const v1::Run& run, const std::string& predicts) {
  const auto* field = v1::Run::descriptor()->FindFieldByName(predicts == "loss" ? "loss_nats" : predicts);
  if (field == nullptr || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE) return kNaN;
  return run.GetReflection()->HasField(run, field) ? run.GetReflection()->GetDouble(run, field) : kNaN;
}

// The best run of each cell and its value.
std::vector<Observation> BestOfCells(const std::vector<v1::Run>& runs, const std::vector<Observation>& data) {
  std::map<std::pair<double, double>, std::size_t> best;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto [at, added] = best.emplace(std::pair(data[i].params, data[i].tokens), i);
    if (!added && runs[i].loss_nats() < runs[at->second].loss_nats()) at->second = i;
  }
  std::vector<Observation> cells;
  for (const auto& [cell, i] : best) cells.push_back(data[i]);
  return cells;
}

int ReadObservations(Session& session, const v1::Fit& fit, const v1::Study& study, bool* best_only,
                     std::vector<Observation>* data) {
  static const std::set<std::string> kObserved = {"loss", "learning_rate", "batch_size_tokens",
                                                  "weight_decay", "adam_beta2"};
  if (study.read_only() || !kObserved.contains(fit.predicts())) return kExitOk;
  const std::vector<std::string> paths = {"name",
                                          "params_non_embedding",
                                          "params_total",
                                          "params_active",
                                          "params_non_input_embedding",
                                          "tokens",
                                          "learning_rate",
                                          "batch_size_tokens",
                                          "weight_decay",
                                          "adam_beta2",
                                          "loss_nats",
                                          "state",
                                          "labels"};
  std::vector<v1::Run> runs, usable, kept_back;
  if (const int code = ReadRuns(session, study.name(), fit.filter(), paths, &runs); code != kExitOk)
    return code;
  if (!fit.holdout_filter().empty()) {
    const int code = ReadRuns(session, study.name(), fit.holdout_filter(), {"name"}, &kept_back);
    if (code != kExitOk) return code;
  }
  std::set<std::string> held_out;
  for (const v1::Run& run : kept_back) held_out.insert(run.name());
  for (v1::Run& run : runs) {
    const bool excluded =
        std::find(run.labels().begin(), run.labels().end(), "excluded") != run.labels().end();
    Observation each{ParamsOf(study, run).value_or(kNaN), run.has_tokens() ? run.tokens() : kNaN,
                     ValueOf(run, fit.predicts()), held_out.contains(run.name())};
    if (excluded || run.state() != v1::FINISHED || !run.has_loss_nats() || !(each.value > 0) ||
        !(each.params > 0) || !(each.tokens > 0)) {
      continue;
    }
    data->push_back(each);
    usable.push_back(std::move(run));
  }
  *best_only = fit.predicts() != "loss" || data->size() > kMostPoints;
  if (*best_only) *data = BestOfCells(usable, *data);
  return kExitOk;
}

// Of N, D, C and L, what the chart runs over.
int ChooseOver(const Session& session, const v1::Law& law, const v1::Fit& fit, Over* over) {
  std::set<std::string> variables;
  for (const v1::LawVariable& variable : law.variables()) variables.insert(variable.name());
  for (const char* name : {"D", "N", "C", "L"}) {
    if (!variables.contains(name)) continue;
    over->variable = name;
    over->per_params = over->variable == "D" && variables.contains("N");
    const auto ranges = RangesOf(fit);
    const auto range = ranges.find(name);
    if (range != ranges.end() && range->second.low > 0) {
      over->range = range->second;
      return kExitOk;
    }
    for (const v1::LawVariable& variable : law.variables()) {
      if (variable.name() == name && variable.fitted_low() > 0 && variable.has_fitted_high()) {
        over->range = {variable.fitted_low(), variable.fitted_high()};
        return kExitOk;
      }
    }
  }
  return session.FailUsage("the law " + Safe(fit.law()) +
                           " has no chart over tokens, parameters, compute or loss");
}

int AddLine(Session& session, const v1::Fit& fit, const Over& over, double params, bool extrapolated,
            const Series& look, bool with_band, chart::Chart* chart) {
  Series line = look, band = look;
  line.dashed = extrapolated;
  band.mark = Mark::kBand;
  if (extrapolated) line.name.clear();
  band.name = extrapolated ? "" : "90 % interval";
  // Loss falls with scale: what lies beyond is below the range.
  const bool down = over.variable == "L";
  const double from = !extrapolated ? over.range.low : down ? over.range.low / 2 : over.range.high;
  const double to = !extrapolated ? over.range.high : down ? over.range.low : kBeyond * over.range.high;
  for (int i = 0; i <= kSteps; ++i) {
    const double x = from * std::pow(to / from, static_cast<double>(i) / kSteps);
    v1::PredictResponse response;
    const grpc::Status status =
        session.TryCall(&v1::PredictionService::Stub::Predict, RequestAt(fit, over, x, params), &response);
    if (Interrupted() || (!status.ok() && status.error_code() != grpc::StatusCode::OUT_OF_RANGE &&
                          status.error_code() != grpc::StatusCode::FAILED_PRECONDITION)) {
      return session.FailServer(status);
    }
    v1::Quantity quantity;
    if (!status.ok() || response.predictions().empty() ||
        !QuantityOf(response.predictions(0), fit.predicts(), &quantity)) {
      continue;
    }
    line.x.push_back(x);
    line.y.push_back(quantity.value());
    if (!quantity.has_low()) continue;
    band.x.push_back(x);
    band.low.push_back(quantity.low());
    band.high.push_back(quantity.high());
  }
  if (with_band && !band.x.empty()) chart->series.push_back(std::move(band));
  chart->series.push_back(std::move(line));
  return kExitOk;
}

void AddPoints(const std::vector<Observation>& data, const Over& over, const std::vector<double>& models,
               const std::string& name, chart::Chart* chart) {
  for (const bool held_out : {false, true}) {
    for (std::size_t model = 0; model < models.size(); ++model) {
      Series points;
      points.mark = Mark::kPoints;
      points.hollow = held_out;
      points.color = over.per_params ? static_cast<int>(model) : 1;
      for (const Observation& each : data) {
        if (each.held_out != held_out || NearestModel(models, each.params) != model) continue;
        points.x.push_back(over.variable == "D"   ? each.tokens
                           : over.variable == "N" ? each.params
                                                  : 6 * each.params * each.tokens);
        points.y.push_back(each.value);
      }
      if (points.x.empty()) continue;
      const bool first = std::none_of(chart->series.begin(), chart->series.end(), [&](const Series& s) {
        return s.mark == Mark::kPoints && s.hollow == held_out;
      });
      if (first) points.name = held_out ? name + ", held out" : name;
      chart->series.push_back(std::move(points));
    }
  }
}

std::string AxisLabel(const std::string& variable, const std::string& loss_unit) {
  if (variable == "D") return "tokens";
  if (variable == "N") return "parameters";
  if (variable == "C") return "compute 6ND (FLOPs)";
  return "loss (" + loss_unit + ")";
}

bool IsCount(const std::string& quantity) {
  return quantity == "batch_size_tokens" || quantity == "critical_batch_size_tokens" ||
         quantity == "params" || quantity == "tokens";
}

}  // namespace

bool QuantityOf(const v1::Prediction& prediction, const std::string& name, v1::Quantity* quantity) {
  const auto* field = v1::Prediction::descriptor()->FindFieldByName(name);
  if (field != nullptr && !field->is_repeated() && field->message_type() == v1::Quantity::descriptor()) {
    if (!prediction.GetReflection()->HasField(prediction, field)) return false;
    quantity->CopyFrom(prediction.GetReflection()->GetMessage(prediction, field));
    return true;
  }
  const auto other = prediction.other().find(name);
  if (other == prediction.other().end()) return false;
  quantity->set_value(other->second);
  return true;
}

std::string QuantityLabel(const std::string& name, const std::string& loss_unit) {
  if (name == "loss") return "loss (" + loss_unit + ")";
  if (name == "batch_size_tokens") return "batch (tokens)";
  if (name == "critical_batch_size_tokens") return "critical batch (tokens)";
  if (name == "params") return "parameters";
  std::string label = name;
  std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

int FitChart(Session& session, const v1::Fit& fit, chart::Chart* chart) {
  v1::GetLawRequest law_request;
  law_request.set_name(LawName(fit.law()));
  v1::Law law;
  if (const int code = session.Call(&v1::LawService::Stub::GetLaw, law_request, &law); code != kExitOk)
    return code;
  v1::GetStudyRequest study_request;
  study_request.set_name(fit.name().substr(0, fit.name().find("/fits/")));
  v1::Study study;
  if (const int code = session.Call(&v1::StudyService::Stub::GetStudy, study_request, &study);
      code != kExitOk)
    return code;
  Over over;
  if (const int code = ChooseOver(session, law, fit, &over); code != kExitOk) return code;
  std::vector<Observation> data;
  bool best_only = false;
  if (over.variable != "L") {
    const int code = ReadObservations(session, fit, study, &best_only, &data);
    if (code != kExitOk) return code;
  }
  const std::string unit = LossUnitText(study.loss_unit());
  chart->title = fit.law() + " fitted to " + IdOf(study.name());
  chart->x = {AxisLabel(over.variable, unit), true, over.variable != "L", {}, {}};
  chart->y = {QuantityLabel(fit.predicts(), unit), true, IsCount(fit.predicts()), {}, {}};
  const std::vector<double> models = Models(data, RangesOf(fit));
  const std::size_t lines = over.per_params ? models.size() : 1;
  for (std::size_t i = 0; i < lines; ++i) {
    Series look;
    look.color = static_cast<int>(i);
    look.name = over.per_params ? "N = " + FormatCount(models[i], 3) : fit.law();
    for (const bool extrapolated : {false, true}) {
      const int code = AddLine(session, fit, over, models[i], extrapolated, look, i + 1 == lines, chart);
      if (code != kExitOk) return code;
    }
  }
  AddPoints(data, over, over.per_params ? models : std::vector<double>{models.front()},
            best_only ? "best run of a cell" : "run", chart);
  chart->notes.push_back("solid: the fitted range; dashed: beyond it" +
                         std::string(over.per_params ? "; points have the colour of the nearest N" : ""));
  return kExitOk;
}

}  // namespace sextant::cli
