// SPDX-License-Identifier: Apache-2.0
#include "fitting/predict.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "base/quantile.h"
#include "base/status_macros.h"
#include "fitting/critical_batch/definitions.h"
#include "fitting/fit_check.h"
#include "fitting/law/target_names.h"
#include "fitting/least_squares/loss_average.h"
#include "fitting/optimum/draws.h"
#include "fitting/optimum/predict.h"
#include "fitting/replicate_law.h"
#include "fitting/replicate_schedule.h"
#include "fitting/variables.h"

namespace sextant::fitting {
namespace {

constexpr double kMaxCount = 1e30;
constexpr std::size_t kMaxVariablesGiven = 64, kMaxVariableNameBytes = 64;
/// Between the ends of a 90 % interval, 2.5 decades: more says nothing that nobody knows.
constexpr double kWidestInterval = 316.23;
constexpr double kWidestConfidence = 0.9;

void Append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& line : from) {
    if (std::find(to.begin(), to.end(), line) == to.end()) to.push_back(line);
  }
}

/// A fit's own warnings, and which runs it is of.
void AppendFitWarnings(const FitResult& result, std::vector<std::string>& to) {
  if (!result.filter.empty()) {
    Append(to, {absl::StrCat(result.law_id, " is fitted to the runs where ", result.filter, " alone")});
  }
  Append(to, result.warnings);
}

/// Shared by fits and published laws: resolves the variables, refuses or evaluates, and records the answer.
class LawPredictor : public Predictor {
 public:
  LawPredictor(std::string source, std::shared_ptr<const Law> law, std::shared_ptr<const Catalogue> catalogue)
      : source_(std::move(source)),
        law_(std::move(law)),
        catalogue_(std::move(catalogue)),
        quantity_(QuantityName(law_->spec())) {}

  Target target() const override { return law_->spec().target; }
  const std::string& source() const override { return source_; }
  const std::shared_ptr<const Law>& law() const override { return law_; }

 protected:
  /// The variables, or nothing when the answer is withheld (then `into` says why).
  double EvaluateAt(const PredictionTarget& target, const ResolvedVariables& resolved,
                    const std::vector<double>& parameters) const {
    if (!law_->needs_schedule()) return law_->Evaluate(resolved.values, parameters);
    return law_->EvaluateOnSchedule(*target.learning_rates, resolved.values, parameters);
  }

  /// "fixed-batch" for laws of the rate that say so, or that have the batch for a variable; else "joint".
  std::string RateKind() const {
    const LawSpec& spec = law_->spec();
    if (!spec.definition.empty()) return spec.definition;
    const bool of_batch = std::any_of(spec.variables.begin(), spec.variables.end(),
                                      [](const VariableSpec& variable) { return variable.name == "B"; });
    return of_batch ? "fixed-batch" : "joint";
  }

  bool Prepare(const PredictionTarget& target, const std::map<std::string, Range>& ranges, Prediction& into,
               ResolvedVariables& resolved) const {
    resolved = ResolveVariables(*law_, target, ranges, catalogue_.get());
    if (resolved.refusal.empty() && target.max_extrapolation &&
        resolved.extrapolation > *target.max_extrapolation) {
      resolved.refusal = absl::StrFormat(
          "the target lies %.3gx beyond the fitted range; the limit is %.3gx (max_extrapolation)",
          resolved.extrapolation, *target.max_extrapolation);
    }
    if (resolved.refusal.empty()) return true;
    Withhold(resolved.refusal, into);
    return false;
  }

  void Withhold(const std::string& reason, Prediction& into) const {
    into.withheld.push_back({source_, quantity_, reason});
  }

  void Record(Quantity quantity, const ResolvedVariables& resolved, Prediction& into) const {
    for (const auto& [low, high, what] :
         {std::tuple(&quantity.low, &quantity.high, "interval"),
          std::tuple(&quantity.parameter_low, &quantity.parameter_high, "interval of the law"),
          std::tuple(&quantity.near_optimal_low, &quantity.near_optimal_high, "near-optimal region")}) {
      if (std::isfinite(low->value_or(0)) && std::isfinite(high->value_or(0))) continue;
      low->reset();
      high->reset();
      Append(into.warnings, {absl::StrCat("no ", what, " of ", quantity_, ": it has no finite ends here")});
    }
    if (target() == Target::kOther) {
      into.other[quantity_] = quantity.value;
    } else {
      into.quantities[target()] = quantity;
    }
    into.extrapolation_params = std::max(into.extrapolation_params, resolved.extrapolation_params);
    into.extrapolation_tokens = std::max(into.extrapolation_tokens, resolved.extrapolation_tokens);
    Append(into.inputs, resolved.inputs);
    if (!resolved.warnings.empty()) Append(into.warnings, resolved.warnings);
  }

  /// Names the critical batch's definition, and says what a fixed batch costs where that definition tells.
  void RecordDefinition(const PredictionTarget& target, const std::string& definition,
                        Prediction& into) const {
    if (this->target() != Target::kCriticalBatchSizeTokens) return;
    into.critical_batch_definition = definition;
    if (!target.batch_size_tokens ||
        definition != CriticalBatchDefinitionName(CriticalBatchDefinition::kHyperbola)) {
      return;
    }
    const double batch = *target.batch_size_tokens;
    const Quantity& critical = into.quantities[Target::kCriticalBatchSizeTokens];
    if (!std::isfinite(critical.high.value_or(critical.value) / batch) ||
        !std::isfinite(batch / critical.low.value_or(critical.value))) {
      Append(into.warnings, {"no cost of the fixed batch: it is no finite number here"});
      return;
    }
    into.tradeoff.emplace();
    into.tradeoff->batch_size_tokens = batch;
    into.tradeoff->extra_steps_share.value = critical.value / batch;
    into.tradeoff->extra_compute_share.value = batch / critical.value;
    if (critical.low && critical.high) {
      into.tradeoff->extra_steps_share.low = *critical.low / batch;
      into.tradeoff->extra_steps_share.high = *critical.high / batch;
      into.tradeoff->extra_compute_share.low = batch / *critical.high;
      into.tradeoff->extra_compute_share.high = batch / *critical.low;
    }
  }

  std::string source_;
  std::shared_ptr<const Law> law_;
  std::shared_ptr<const Catalogue> catalogue_;
  std::string quantity_;
};

class PublishedPredictor : public LawPredictor {
 public:
  PublishedPredictor(std::shared_ptr<const Law> law, std::shared_ptr<const Catalogue> catalogue)
      : LawPredictor(law->spec().id, law, std::move(catalogue)), parameters_(law->PublishedParameters()) {}

  const FitResult* fit() const override { return nullptr; }

  void Predict(const PredictionTarget& target, Prediction& into) const override {
    ResolvedVariables resolved;
    if (!Prepare(target, {}, into, resolved)) return;
    const LawSpec& spec = law_->spec();
    Quantity quantity;
    quantity.value = EvaluateAt(target, resolved, parameters_);
    if (!std::isfinite(quantity.value) || quantity.value <= 0) {
      Withhold(absl::StrFormat("the law gives %g here, which is no %s", quantity.value, quantity_), into);
      return;
    }
    Record(quantity, resolved, into);
    into.laws.push_back(spec.id);
    if (spec.target == Target::kLearningRate) into.rate_kind = RateKind();
    RecordDefinition(target, spec.definition, into);
    if (!target.brief) Append(into.warnings, spec.notes);
    if (!target.brief)
      into.citation = spec.url.empty() ? spec.citation : absl::StrCat(spec.citation, " (", spec.url, ")");
  }

 private:
  std::vector<double> parameters_;
};

/// A law fitted by least squares: the estimate, and every replicate pushed through the law.
class FittedPredictor : public LawPredictor {
 public:
  /// `names` are the fits that answer: of an average several.
  FittedPredictor(std::vector<std::string> names, FitResult result, const std::shared_ptr<const Law>& law)
      : LawPredictor(names.front(), law, nullptr),
        names_(std::move(names)),
        result_(std::move(result)),
        replicates_(law, result_.replicates) {
    for (const ParameterEstimate& parameter : result_.parameters) parameters_.push_back(parameter.estimate);
  }

  const FitResult* fit() const override { return &result_; }

  void Predict(const PredictionTarget& target, Prediction& into) const override {
    ResolvedVariables resolved;
    if (!Prepare(target, result_.fitted_range, into, resolved)) return;
    Quantity quantity;
    quantity.value = EvaluateAt(target, resolved, parameters_);
    if (!std::isfinite(quantity.value)) {
      Withhold(absl::StrFormat("the fitted law gives %g here", quantity.value), into);
      return;
    }
    if (replicates_.count() > 0) {
      thread_local std::vector<double> values, scratch;
      if (law_->needs_schedule()) {
        values = ReplicatesOnSchedule(*law_, *target.learning_rates, result_.replicates);
      } else {
        values.resize(replicates_.count());
        replicates_.Evaluate(resolved.values, values);
      }
      const auto [low, high] = TailQuantiles(values, (1 - target.interval) / 2, scratch);
      if (std::isfinite(low) && std::isfinite(high)) {
        SetInterval(resolved.values, low, high, target.interval, quantity);
      } else {
        Append(into.warnings, {absl::StrCat("no interval of ", quantity_,
                                            ": some bootstrap replicates give no finite value here")});
      }
    }
    if (const auto* model = std::get_if<OtherOptimumModel>(&result_.model)) {
      if (model->near_optimal_log_low < 0) {
        quantity.near_optimal_low = quantity.value * std::exp(model->near_optimal_log_low);
      }
      if (model->near_optimal_log_high > 0) {
        quantity.near_optimal_high = quantity.value * std::exp(model->near_optimal_log_high);
      }
    }
    Record(quantity, resolved, into);
    into.fits.insert(into.fits.end(), names_.begin(), names_.end());
    if (!target.brief) AppendFitWarnings(result_, into.warnings);
    if (names_.size() > 1) Append(into.warnings, {AverageOf()});
    if (this->target() == Target::kLearningRate) into.rate_kind = RateKind();
    // Rows of a table are critical batches of whatever definition the law has.
    const bool of_table = result_.estimator == "least-squares";
    RecordDefinition(target, of_table ? law_->spec().definition : result_.estimator, into);
  }

 private:
  /// Of the law by its replicates; of a run too, where the fit knows how far runs lie from the law.
  void SetInterval(const std::vector<double>& variables, double low, double high, double level,
                   Quantity& quantity) const {
    const auto* model = std::get_if<LossModel>(&result_.model);
    if (model == nullptr || !(low > 0) || !(quantity.value > 0)) {
      quantity.low = low;
      quantity.high = high;
      return;
    }
    const LossInterval interval =
        IntervalOfRun(*model, *law_, parameters_, variables, quantity.value, low, high, level);
    quantity.low = interval.low;
    quantity.high = interval.high;
    quantity.parameter_low = interval.parameter_low;
    quantity.parameter_high = interval.parameter_high;
  }

  std::string AverageOf() const {
    std::string text = "the loss is an average of fits by their held-out error:";
    for (const LossMember& member : std::get<LossModel>(result_.model).members) {
      absl::StrAppendFormat(&text, "%s %s %.0f %%", text.back() == ':' ? "" : ",", member.law,
                            100 * member.weight);
    }
    return text;
  }

  std::vector<std::string> names_;
  FitResult result_;
  std::vector<double> parameters_;
  ReplicateLaw replicates_;
};

/// An optimum fit, which may carry a whole loss surface behind its law.
class OptimumPredictor : public LawPredictor {
 public:
  /// `result` holds an OptimumModel.
  OptimumPredictor(std::string name, FitResult result, const std::shared_ptr<const Law>& law)
      : LawPredictor(std::move(name), law, nullptr),
        result_(std::move(result)),
        fit_(std::get<OptimumModel>(result_.model)),
        central_(fit_),
        draws_(fit_) {
    // The draws answer for the joint optimum's interval; without its replicates the fit itself costs nothing
    // to evaluate.
    central_.replicates = std::vector<double>();  // gives its memory back
    central_.replicate_count = 0;
  }

  const FitResult* fit() const override { return &result_; }

  void Predict(const PredictionTarget& target, Prediction& into) const override {
    ResolvedVariables resolved;
    if (!Prepare(target, result_.fitted_range, into, resolved)) return;
    if (target.params == 0 || target.tokens == 0) {
      Withhold("needs N and D: give params and tokens", into);
      return;
    }
    const bool rate = this->target() == Target::kLearningRate;
    OptimumPrediction answer = PredictOptimum(central_, target.params, target.tokens, target.interval);
    std::string kind = "joint";
    if (rate && target.batch_size_tokens) {
      absl::StatusOr<OptimumPrediction> fixed = PredictAtFixedPartner(
          fit_, target.params, target.tokens, *target.batch_size_tokens, target.interval);
      if (fixed.ok()) {
        answer = *fixed;
        kind = "fixed-batch";
      } else {
        into.warnings.push_back(
            absl::StrCat("the learning rate is the joint optimum, not the best at the given batch: ",
                         std::string(fixed.status().message())));
      }
    }
    Quantity quantity;
    quantity.value = answer.value;
    if (!std::isfinite(quantity.value) || quantity.value <= 0) {
      Withhold(absl::StrFormat("the fitted law gives %g here", quantity.value), into);
      return;
    }
    if (kind == "fixed-batch") {
      if (std::isfinite(answer.low) && std::isfinite(answer.high)) {
        quantity.low = answer.low;
        quantity.high = answer.high;
      }
    } else if (const auto interval = draws_.Interval(target.params, target.tokens, target.interval)) {
      // As PredictOptimum: the interval holds the answer, hedged or not.
      quantity.low = std::min(quantity.value, interval->first);
      quantity.high = std::max(quantity.value, interval->second);
    }
    if (target.interval <= kWidestConfidence && quantity.low && quantity.high &&
        *quantity.high > kWidestInterval * *quantity.low) {
      Withhold(absl::StrFormat("its %.0f %% interval spans %.1f decades: these runs do not tell it here",
                               100 * target.interval, std::log10(*quantity.high / *quantity.low)),
               into);
      AppendFitWarnings(result_, into.warnings);
      return;
    }
    NearOptimalBand band{answer.near_optimal_low, answer.near_optimal_high};
    if (target.tolerance != fit_.near_optimal_tolerance && kind == "joint") {
      if (auto at_tolerance =
              PredictNearOptimalBand(central_, target.params, target.tokens, target.tolerance);
          at_tolerance.ok()) {
        band = *at_tolerance;
      } else {
        into.warnings.push_back(
            absl::StrFormat("the near-optimal region is that of %.3g %%, which the fit selected by",
                            100 * fit_.near_optimal_tolerance));
      }
    }
    if (std::isfinite(band.low) && std::isfinite(band.high)) {
      quantity.near_optimal_low = band.low;
      quantity.near_optimal_high = band.high;
    }
    Record(quantity, resolved, into);
    constexpr double kMost = std::numeric_limits<double>::max();
    into.extrapolation_params =
        std::max(into.extrapolation_params, std::min(answer.params_extrapolation, kMost));
    into.extrapolation_tokens =
        std::max(into.extrapolation_tokens, std::min(answer.tokens_extrapolation, kMost));
    into.fits.push_back(source_);
    if (!target.brief) AppendFitWarnings(result_, into.warnings);
    if (rate) into.rate_kind = kind;
  }

  absl::StatusOr<std::vector<PenaltyPoint>> Penalties(const PredictionTarget& target,
                                                      const std::vector<double>& learning_rates,
                                                      const std::vector<double>& batch_sizes_tokens,
                                                      const std::function<bool()>& given_up) const override {
    ASSIGN_OR_RETURN(std::vector<Penalty> grid,
                     PredictPenaltyGrid(fit_, target.params, target.tokens, learning_rates,
                                        batch_sizes_tokens, target.interval, given_up));
    std::vector<PenaltyPoint> points;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const Penalty& penalty = grid[i];
      PenaltyPoint point;
      point.learning_rate = learning_rates[i / batch_sizes_tokens.size()];
      point.batch_size_tokens = batch_sizes_tokens[i % batch_sizes_tokens.size()];
      point.expected = penalty.expected;
      if (std::isfinite(penalty.low) && std::isfinite(penalty.high)) {
        point.low = penalty.low;
        point.high = penalty.high;
      }
      points.push_back(point);
    }
    return points;
  }

 private:
  FitResult result_;
  const OptimumModel& fit_;  ///< whole, in result_
  OptimumModel central_;     ///< without replicates
  OptimumDraws draws_;
};

void CheckCount(const char* field, double value, std::vector<std::string>& problems) {
  if (!(value > 0 && value <= kMaxCount)) {
    problems.push_back(absl::StrFormat("%s: %g is not a positive finite number", field, value));
  }
}

}  // namespace

absl::StatusOr<std::vector<PenaltyPoint>> Predictor::Penalties(const PredictionTarget&,
                                                               const std::vector<double>&,
                                                               const std::vector<double>&,
                                                               const std::function<bool()>&) const {
  return absl::FailedPreconditionError(
      "no price of being wrong: it needs a fit of a learning-rate or batch law by an estimator with a loss "
      "surface");
}

std::vector<std::string> ValidateTarget(const PredictionTarget& target) {
  std::vector<std::string> problems;
  const bool elsewhere = !target.at.empty() || target.learning_rates != nullptr;
  if (!elsewhere || target.params != 0) CheckCount("params", target.params, problems);
  if (!elsewhere || target.tokens != 0) CheckCount("tokens", target.tokens, problems);
  if (target.at.size() > kMaxVariablesGiven) {
    problems.push_back(absl::StrCat("at: at most ", kMaxVariablesGiven, " variables"));
  }
  for (const auto& [name, value] : target.at) {
    if (name.empty() || name.size() > kMaxVariableNameBytes) {
      problems.push_back(absl::StrCat("at: a name has 1 to ", kMaxVariableNameBytes, " bytes"));
    } else if (!std::isfinite(value)) {
      problems.push_back(absl::StrFormat("at.%s: %g is not a finite number", name, value));
    } else if (std::string_view("NDBLSC").find(name) != std::string_view::npos && name.size() == 1) {
      CheckCount(absl::StrCat("at.", name).c_str(), value, problems);
    }
  }
  if (target.batch_size_tokens) CheckCount("batch_size_tokens", *target.batch_size_tokens, problems);
  if (target.learning_rate) CheckCount("learning_rate", *target.learning_rate, problems);
  if (target.loss_nats) CheckCount("loss_nats", *target.loss_nats, problems);
  if (target.max_extrapolation && !(*target.max_extrapolation >= 1)) {
    problems.push_back("max_extrapolation: a ratio of at least 1 is needed");
  }
  if (!(target.interval > 0 && target.interval < 1)) {
    problems.push_back("interval: a coverage between 0 and 1 is needed, such as 0.9");
  }
  if (!(target.tolerance > 0 && target.tolerance <= 0.5)) {
    problems.push_back("tolerance: a relative excess loss in (0, 0.5] is needed, such as 0.0025");
  }
  return problems;
}

std::string QuantityName(const LawSpec& law) {
  if (law.target == Target::kOther) return law.target_name;
  std::string name = TargetName(law.target);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

absl::StatusOr<std::shared_ptr<const Predictor>> Predictor::FromFit(std::string fit_name, FitResult result) {
  ASSIGN_OR_RETURN(LawSpec spec, ParseLawSpec(result.law_toml));
  absl::StatusOr<std::shared_ptr<const Law>> law =
      Law::Compile(std::move(spec), Derivatives::kWhenNeeded);  // predictions need none
  if (!law.ok()) return law.status();
  RETURN_IF_ERROR(CheckFitResult(result));
  if (result.parameters.size() != (*law)->spec().parameters.size()) {
    return absl::DataLossError(absl::StrCat("fit ", fit_name, " holds ", result.parameters.size(),
                                            " parameters, its law has ", (*law)->spec().parameters.size()));
  }
  if (result.parameters.empty()) {
    return absl::DataLossError(absl::StrCat("fit ", fit_name, " holds no parameters"));
  }
  if (std::holds_alternative<OptimumModel>(result.model)) {
    return std::make_shared<OptimumPredictor>(std::move(fit_name), std::move(result), *law);
  }
  return std::make_shared<FittedPredictor>(std::vector<std::string>{std::move(fit_name)}, std::move(result),
                                           *law);
}

absl::StatusOr<std::shared_ptr<const Predictor>> Predictor::Average(
    const std::vector<std::shared_ptr<const Predictor>>& fits) {
  std::vector<const FitResult*> results;
  std::map<std::string, std::string> names;  // by law
  for (const std::shared_ptr<const Predictor>& fit : fits) {
    if (fit->fit() == nullptr) continue;
    results.push_back(fit->fit());
    names.emplace(fit->fit()->law_id, fit->source());
  }
  if (results.size() < 2) return absl::FailedPreconditionError("fewer than two fits can be averaged");
  ASSIGN_OR_RETURN(FitResult average, AverageLossFits(results));
  std::vector<std::string> averaged;
  for (const LossMember& member : std::get<LossModel>(average.model).members)
    averaged.push_back(names.at(member.law));
  ASSIGN_OR_RETURN(LawSpec spec, ParseLawSpec(average.law_toml));
  ASSIGN_OR_RETURN(std::shared_ptr<const Law> law, Law::Compile(std::move(spec), Derivatives::kWhenNeeded));
  RETURN_IF_ERROR(CheckFitResult(average));
  return std::make_shared<FittedPredictor>(std::move(averaged), std::move(average), law);
}

absl::StatusOr<std::shared_ptr<const Predictor>> Predictor::FromLaw(
    std::shared_ptr<const Law> law, std::shared_ptr<const Catalogue> catalogue) {
  if (!law->spec().published()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "law ", law->spec().id, " has no published values: it is a form to be fitted to a study"));
  }
  return std::make_shared<PublishedPredictor>(std::move(law), std::move(catalogue));
}

}  // namespace sextant::fitting
