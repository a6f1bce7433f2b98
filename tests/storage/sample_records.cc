// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/sample_records.h"

#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include "storage/forecast_seal.h"
#include "storage/run_fields.h"

namespace sextant::storage {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Declared ahead: the templates below find them only here.
bool Same(const fitting::Range& a, const fitting::Range& b);
bool Same(const fitting::ParameterEstimate& a, const fitting::ParameterEstimate& b);
bool Same(const fitting::Influence& a, const fitting::Influence& b);
bool Same(const fitting::HoldoutScore& a, const fitting::HoldoutScore& b);
bool Same(const fitting::EstimatorWeight& a, const fitting::EstimatorWeight& b);
bool Same(const fitting::LossMember& a, const fitting::LossMember& b);
bool Same(const fitting::FitModel& a, const fitting::FitModel& b);
bool Same(const ForecastScore& a, const ForecastScore& b);
bool Same(const DeclaredColumn& a, const DeclaredColumn& b);

bool Same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }
bool Same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }
template <typename T>
bool Same(const T& a, const T& b) {
  return a == b;
}
template <typename T>
bool Same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!Same(a[i], b[i])) return false;
  }
  return true;
}
template <typename T>
bool Same(const std::optional<T>& a, const std::optional<T>& b) {
  return a.has_value() == b.has_value() && (!a.has_value() || Same(*a, *b));
}
template <typename T>
bool Same(const std::map<std::string, T>& a, const std::map<std::string, T>& b) {
  if (a.size() != b.size()) return false;
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
    if (i->first != j->first || !Same(i->second, j->second)) return false;
  }
  return true;
}
bool Same(const fitting::Range& a, const fitting::Range& b) {
  return Same(a.low, b.low) && Same(a.high, b.high);
}
bool Same(const fitting::ParameterEstimate& a, const fitting::ParameterEstimate& b) {
  return a.name == b.name && Same(a.estimate, b.estimate) && Same(a.low, b.low) && Same(a.high, b.high) &&
         a.at_bound == b.at_bound;
}
bool Same(const fitting::Influence& a, const fitting::Influence& b) {
  return a.run_id == b.run_id && Same(a.objective_share, b.objective_share) && Same(a.shift, b.shift);
}
bool Same(const fitting::HoldoutScore& a, const fitting::HoldoutScore& b) {
  return a.runs == b.runs && Same(a.mean_relative_error, b.mean_relative_error) &&
         Same(a.mean_excess_loss, b.mean_excess_loss);
}
bool Same(const fitting::EstimatorWeight& a, const fitting::EstimatorWeight& b) {
  return a.estimator == b.estimator && Same(a.weight, b.weight) &&
         Same(a.held_out_excess_pct, b.held_out_excess_pct);
}
bool Same(const fitting::LossMember& a, const fitting::LossMember& b) {
  return a.law == b.law && Same(a.weight, b.weight) && Same(a.held_out_error, b.held_out_error);
}
bool Same(const DeclaredColumn& a, const DeclaredColumn& b) {
  return a.kind == b.kind && a.name == b.name && a.unit == b.unit && a.meaning == b.meaning &&
         Same(a.floor, b.floor) && Same(a.ceiling, b.ceiling);
}
bool Same(const ForecastScore& a, const ForecastScore& b) {
  return a.quantity == b.quantity && a.run_id == b.run_id && Same(a.actual, b.actual) &&
         Same(a.error, b.error) && Same(a.excess_loss, b.excess_loss) && a.verdict == b.verdict &&
         a.score_time == b.score_time;
}
bool Same(const fitting::FittedRange& a, const fitting::FittedRange& b) {
  return Same(a.low, b.low) && Same(a.high, b.high);
}
bool Same(const fitting::OptimumModel& a, const fitting::OptimumModel& b) {
  return a.estimator == b.estimator && a.target == b.target && a.variables == b.variables &&
         a.parameter_names == b.parameter_names && Same(a.estimates, b.estimates) &&
         a.law_parameters == b.law_parameters && Same(a.replicates, b.replicates) &&
         a.replicate_count == b.replicate_count && Same(a.near_optimal_tolerance, b.near_optimal_tolerance) &&
         Same(a.near_optimal_low, b.near_optimal_low) && Same(a.near_optimal_high, b.near_optimal_high) &&
         Same(a.params, b.params) && Same(a.tokens, b.tokens) && Same(a.learning_rate, b.learning_rate) &&
         Same(a.batch_size_tokens, b.batch_size_tokens) && Same(a.members, b.members);
}
bool Same(const fitting::FitModel& a, const fitting::FitModel& b) {
  if (a.index() != b.index()) return false;
  if (const auto* optimum = std::get_if<fitting::OptimumModel>(&a)) {
    return Same(*optimum, std::get<fitting::OptimumModel>(b));
  }
  if (const auto* other = std::get_if<fitting::OtherOptimumModel>(&a)) {
    const auto& same = std::get<fitting::OtherOptimumModel>(b);
    return Same(other->near_optimal_log_low, same.near_optimal_log_low) &&
           Same(other->near_optimal_log_high, same.near_optimal_log_high);
  }
  if (const auto* loss = std::get_if<fitting::LossModel>(&a)) {
    const auto& same = std::get<fitting::LossModel>(b);
    return loss->cell_best == same.cell_best && loss->runs_considered == same.runs_considered &&
           Same(loss->noise, same.noise) && Same(loss->held_out_error, same.held_out_error) &&
           Same(loss->held_out_sd, same.held_out_sd) && Same(loss->held_out_reach, same.held_out_reach) &&
           Same(loss->largest_scale, same.largest_scale) && Same(loss->members, same.members);
  }
  return true;  // the others hold nothing
}

}  // namespace

#define COMPARE(field) \
  if (!Same(a.field, b.field)) different += #field " "

Study SampleStudy(const std::string& id) {
  Study study;
  study.id = id;
  study.title = "Title of " + id;
  study.description = "Learning rates, größer und kleiner\nwith a 'quote' and a \"double\"";
  study.param_count = ParamCount::kTotal;
  study.loss_unit = LossUnit::kBitsPerByte;
  study.labels = {{"team", "scaling"}, {"tokenizer", "bytes"}};
  study.declared = {{DeclaredColumn::Kind::kVariable, "r", "share", "of code", kUnknown, kUnknown},
                    {DeclaredColumn::Kind::kMinimized, "error_rate", "", "größer is worse", 0, 1},
                    {DeclaredColumn::Kind::kMaximized, "score", "points", "", kUnknown, kUnknown}};
  study.create_time = 1'700'000'000'000'001;
  study.update_time = 1'700'000'000'000'002;
  study.revision = 1;
  return study;
}

Run SampleRun(const std::string& study_id, int index) {
  Run run;
  run.study_id = study_id;
  run.id = "run-" + std::to_string(1000 + index);
  double value = 1.0 + index;
  for (const RunQuantity& quantity : kRunQuantities) run.*quantity.value = (value += 0.37) * 1e3 / 7;
  run.schedule = index % 2 == 0 ? "cosine" : "wsd";
  run.optimizer = "adamw";
  run.seed = index - 3;
  run.state = fitting::RunState::kFinished;
  run.tags = {{"cluster", "h100"}, {"width", std::to_string(64 << (index % 4))}};
  run.labels = {"edge-of-grid", "short"};
  run.values = {0.1 * index, kUnknown, 1e300};
  run.source = "log.jsonl:" + std::to_string(index);
  run.create_time = 1'700'000'000'000'000 + index;
  run.update_time = 1'700'000'000'500'000 + index;
  return run;
}

Curve SampleCurve(std::size_t points, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> noise(0.0F, 0.01F);
  Curve curve;
  for (std::size_t i = 0; i < points; ++i) {
    const auto step = static_cast<std::int64_t>(10 * (i + 1));
    curve.step.push_back(step);
    curve.tokens.push_back(static_cast<double>(step) * 524288.0);
    curve.train_loss.push_back(2.0F + 3.0F * std::pow(static_cast<float>(step), -0.3F) + noise(random));
    curve.validation_loss.push_back(i % 10 == 9 ? curve.train_loss.back() + 0.02F
                                                : std::numeric_limits<float>::quiet_NaN());
    curve.learning_rate.push_back(3e-4F * static_cast<float>(points - i) / static_cast<float>(points));
    curve.gradient_noise_scale.push_back(1e5F * static_cast<float>(i + 1));
  }
  return curve;
}

fitting::OptimumModel SampleModel(const std::string& estimator) {
  fitting::OptimumModel model;
  model.estimator = estimator;
  model.target = fitting::OptimumTarget::kBatchSizeTokens;
  model.parameter_names = {"log_c", "a", "b", "surface.bowl.0", "offset"};
  model.estimates = {-8.25, 0.1 + 0.2, 5e-324, 1e300, 0};
  model.law_parameters = 3;
  model.replicates = {1e-300, 1e300, -1, 2, 3, 4, 5, 6, 7, 1.0 / 3};
  model.replicate_count = 2;
  model.near_optimal_tolerance = 0.0125;
  model.near_optimal_low = -0.31;
  model.near_optimal_high = 0.27;
  model.params = {1e6, 1e8};
  model.tokens = {1e9, kInf};
  model.learning_rate = {1e-4, 1e-2};
  model.members = {{"regret", 1, std::numeric_limits<double>::quiet_NaN()}, {"band", 0, 0.25}};
  return model;
}

fitting::LossModel SampleLossModel() {
  fitting::LossModel model;
  model.cell_best = true;
  model.runs_considered = 2013;
  model.noise = 0.1 + 0.2;
  model.held_out_error = std::numeric_limits<double>::quiet_NaN();
  model.held_out_sd = 1e-300;
  model.held_out_reach = 1.5;
  model.largest_scale = -44.25;
  model.members = {{"loss-chinchilla", 1.0, 0.0125}};
  return model;
}

Fit SampleFit(const std::string& study_id, const std::string& id) {
  Fit fit;
  fit.study_id = study_id;
  fit.id = id;
  fit.state = FitState::kSucceeded;
  fit.law_id = "loss-chinchilla";
  fit.error_code = 13;
  fit.error = "an earlier attempt failed";
  fit.error_reason = "INTERNAL";
  fit.create_time = 1'700'000'000'000'003;
  fit.end_time = 1'700'000'000'000'004;
  fitting::FitResult& r = fit.result;
  r.law_id = "loss-chinchilla";
  r.law_toml = "id = \"loss-chinchilla\"\nexpression = \"E + A/N^alpha\"\n";
  r.target = fitting::Target::kLoss;
  r.estimator = "least-squares";
  r.objective_kind = "huber:0.001";
  r.study_id = study_id;
  r.data_digest = std::string(64, 'a');
  r.filter = "params_total > 1e6";
  r.holdout_filter = "params_total > 1e8";
  r.seed = 0xFFFF'FFFF'FFFF'FFF1;
  r.bootstrap_replicates = 2;
  r.version = "0.1.0";
  r.param_count = "total";
  r.loss_unit = "bits-per-byte";
  r.columns = {{"N", "params"}, {"r", "ratio \"quoted\""}};
  r.data_source = "table sweep.csv";
  r.runs_used = 245;
  r.cells_used = 31;
  r.parameters = {{"E", 1.69, 1.5, 1.9, false},
                  {"A", 406.4, std::nullopt, std::nullopt, true},
                  {"alpha", 0.1 + 0.2, -kInf, std::numeric_limits<double>::quiet_NaN(), false}};
  r.objective = 5e-324;
  r.starts = 500;
  r.starts_at_optimum = 433;
  r.condition_number = kInf;
  r.correlations = {1, 0.5, -0.25, 0.5, 1, 0.125, -0.25, 0.125, 1};
  r.holdout = {12, 0.013, 0.002};
  r.influence = {{"run-9", 0.4, 1.5}, {"run-2", 0.1, std::numeric_limits<double>::quiet_NaN()}};
  r.warnings = {"2 parameters are correlated above 0.99", ""};
  r.fitted_range = {{"D", {1e9, kInf}}, {"N", {1e6, 1e8}}};
  r.replicates = {1.7, 400.1, 0.34, 1.6, 410.0, std::numeric_limits<double>::quiet_NaN()};
  r.model = SampleModel(r.estimator);
  r.diagnostics = {{"aic", -12.5},
                   {"huber_delta_sensitivity.alpha", std::numeric_limits<double>::quiet_NaN()}};
  return fit;
}

std::string Differences(const Study& a, const Study& b) {
  std::string different;
  COMPARE(id);
  COMPARE(title);
  COMPARE(description);
  COMPARE(param_count);
  COMPARE(loss_unit);
  COMPARE(labels);
  COMPARE(declared);
  COMPARE(create_time);
  COMPARE(update_time);
  COMPARE(revision);
  COMPARE(run_count);
  COMPARE(fit_count);
  return different;
}

std::string Differences(const Run& a, const Run& b) {
  std::string different;
  for (const RunQuantity& quantity : kRunQuantities) {
    if (!Same(a.*quantity.value, b.*quantity.value)) different += std::string(quantity.column) + " ";
  }
  COMPARE(study_id);
  COMPARE(id);
  COMPARE(schedule);
  COMPARE(optimizer);
  COMPARE(seed);
  COMPARE(state);
  COMPARE(tags);
  COMPARE(labels);
  COMPARE(values);
  COMPARE(source);
  COMPARE(create_time);
  COMPARE(update_time);
  COMPARE(curve_points);
  return different;
}

std::string Differences(const Curve& a, const Curve& b) {
  std::string different;
  COMPARE(step);
  COMPARE(tokens);
  COMPARE(train_loss);
  COMPARE(validation_loss);
  COMPARE(learning_rate);
  COMPARE(gradient_noise_scale);
  return different;
}

Forecast SampleForecast(const std::string& study_id, const std::string& id) {
  Forecast f;
  f.study_id = study_id;
  f.id = id;
  f.seal_time = 1'700'000'000'000'009;
  f.params = 7e9;
  f.tokens = 1.4e12;
  f.batch_size_tokens = 4194304;
  f.learning_rate = 3e-4;
  f.loss = 2.25;
  f.interval = 0.9;
  f.tolerance = 0.0025;
  f.at = {{"U", 25e9}, {"größe \"quoted\"", 0.1 + 0.2}, {"zero", 0}};
  f.param_count = "non-embedding";
  f.loss_unit = "nats-per-token";
  f.quantities = {{"learning_rate", 3.1e-4, 2e-4, 5e-4, 2.5e-4, 4e-4, kUnknown, kUnknown},
                  {"loss", 2.0625, 2.0, kInf, kUnknown, kUnknown, 2.05, 2.07},
                  {"other.scale", 5e-324, kUnknown, kUnknown, kUnknown, kUnknown, kUnknown, kUnknown}};
  f.sources = {{"studies/s/fits/rate", "lr-power-nd", "surface", std::string(64, 'a'), "learning_rate"},
               {"step-law-lr", "step-law-lr", "", "", ""}};
  f.extrapolation_params = 35;
  f.extrapolation_tokens = kUnknown;
  f.rate_kind = "joint";
  f.version = "0.2.0";
  f.seal = SealOf(f);
  f.scores = {{"learning_rate", "run-9", 2.9e-4, -0.067, 0.001, ForecastScore::Verdict::kInside, 11},
              {"loss", "run-9", 1.9, -0.082, kUnknown, ForecastScore::Verdict::kOutside, 12}};
  return f;
}

std::string Differences(const Forecast& a, const Forecast& b) {
  // A field that a forecast gains breaks this line: seal it (storage/forecast_seal.cc), set it in
  // SampleForecast, and compare it here unless the sealed text has it.
  [[maybe_unused]] const auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                                f18, f19, f20, f21] = a;
  std::string different =
      ForecastText(a) == ForecastText(b) ? "" : ForecastText(a) + "is not " + ForecastText(b);
  COMPARE(study_id);
  COMPARE(seal);
  COMPARE(scores);
  return different;
}

std::string Differences(const Fit& a, const Fit& b) {
  std::string different;
  // A field that a part of FitResult gains breaks one of these lines: store it, set it in SampleFit or
  // SampleModel, compare it below or in Same, then name it here.
  const fitting::FitProvenance& provenance = a.result;
  [[maybe_unused]] const auto& [p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, p15, p16] =
      provenance;
  const fitting::FitReport& report = a.result;
  [[maybe_unused]] const auto& [r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13] = report;
  const fitting::LossModel loss;
  [[maybe_unused]] const auto& [l1, l2, l3, l4, l5, l6, l7, l8] = loss;
  const fitting::OptimumModel optimum;
  [[maybe_unused]] const auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16] =
      optimum;
  COMPARE(study_id);
  COMPARE(id);
  COMPARE(state);
  COMPARE(law_id);
  COMPARE(error_code);
  COMPARE(error);
  COMPARE(error_reason);
  COMPARE(create_time);
  COMPARE(end_time);
  COMPARE(result.law_id);
  COMPARE(result.law_toml);
  COMPARE(result.target);
  COMPARE(result.estimator);
  COMPARE(result.objective_kind);
  COMPARE(result.study_id);
  COMPARE(result.data_digest);
  COMPARE(result.filter);
  COMPARE(result.holdout_filter);
  COMPARE(result.seed);
  COMPARE(result.bootstrap_replicates);
  COMPARE(result.version);
  COMPARE(result.param_count);
  COMPARE(result.loss_unit);
  COMPARE(result.columns);
  COMPARE(result.data_source);
  COMPARE(result.runs_used);
  COMPARE(result.cells_used);
  COMPARE(result.parameters);
  COMPARE(result.objective);
  COMPARE(result.starts);
  COMPARE(result.starts_at_optimum);
  COMPARE(result.condition_number);
  COMPARE(result.correlations);
  COMPARE(result.holdout);
  COMPARE(result.influence);
  COMPARE(result.warnings);
  COMPARE(result.fitted_range);
  COMPARE(result.replicates);
  COMPARE(result.model);
  COMPARE(result.diagnostics);
  return different;
}

}  // namespace sextant::storage
