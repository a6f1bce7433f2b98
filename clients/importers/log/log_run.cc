// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/log_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/fields.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/derived_params.h"
#include "clients/importers/log/log_curve.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

// Settings that say how many steps a run is to make. Where several do, the largest must be reached.
constexpr const char* kPlannedSteps[] = {"max_steps",      "max_iters",       "train_iters", "num_iterations",
                                         "total_steps",    "num_train_steps", "train_steps", "total_iters",
                                         "max_iterations", "num_steps",       "steps",       "iterations"};

// What a setting of that name says was planned, and not done.
bool IsPlanned(const NumberField& field) { return field.name == "steps" || field.name == "tokens"; }

// "warmup: 0.01" is a share of the steps and not their count.
bool FitsCount(const NumberField& field, double value) {
  return field.name != "warmup_steps" || value == std::floor(value);
}

}  // namespace

LogRun::LogRun(const Emitter& emitter)
    : step_offset_(emitter.options().step_offset),
      run_(emitter.Prototype()),
      series_(emitter.options().metrics, emitter.format().metrics),
      config_(emitter.settings()) {}

void LogRun::AddPoint(std::string_view name, std::int64_t step, double value) {
  if (step < 0 || step > kMaxStep) return;
  step += step_offset_;
  if (step < 0) return;
  series_.Add(name, step, value);
  killed_ = false;
  // What Hugging Face's trainer sends to trackers when it has come to its end.
  if (name == "train/train_loss") summed_up_at_ = step;
}

void LogRun::SetConfig(const std::string& key, const std::string& value) {
  if (config_.size() < kMaxSettings && key.size() <= kMaxTextBytes && value.size() <= kMaxTextBytes)
    config_[key] = value;
}

void LogRun::PlanSteps(double steps) {
  if (steps > 0 && std::isfinite(steps)) planned_ = std::max(planned_.value_or(0), steps);
}

std::string LogRun::ApplyConfig(Emitter& emitter) {
  std::string wrong;
  const std::vector<FieldMapping>& map = emitter.options().map;
  for (const FieldMapping& entry : map) {
    const auto found = config_.find(entry.column);
    const std::string reason =
        found == config_.end()
            ? absl::StrCat(entry.field, " is missing: there is no setting ", Quoted(entry.column))
            : SetField(entry.field, found->second, &run_);
    if (!reason.empty()) absl::StrAppend(&wrong, wrong.empty() ? "" : "; ", reason);
    emitter.report().AddSetting(entry.field, entry.column);
  }
  // Then settings under a field's own name or alias. One that does not fit is left alone: logs hold
  // "learning_rate: auto" and the like.
  for (const NumberField& field : NumberFields()) {
    if (field.rule == NumberRule::kLoss || run_.*(field.member) || IsPlanned(field)) continue;
    std::vector<std::string> keys{field.name};
    keys.insert(keys.end(), field.aliases.begin(), field.aliases.end());
    for (const std::string& key : keys) {
      const auto found = config_.find(key);
      const auto value = found == config_.end() ? std::nullopt : ParseDouble(found->second);
      if (!value || !CheckNumber(field, *value).empty() || !FitsCount(field, *value)) continue;
      run_.*(field.member) = *value;
      emitter.report().AddSetting(field.name, key);
      break;
    }
  }
  // What the study declares, under its own name; one that is no number is left alone likewise.
  for (const std::string& variable : emitter.options().variables) {
    const auto found = config_.find(variable);
    const auto value = found == config_.end() ? std::nullopt : ParseDouble(found->second);
    if (!value || !std::isfinite(*value)) continue;
    if (run_.variables.try_emplace(variable, *value).second) emitter.report().AddSetting(variable, variable);
  }
  if (!run_.seed && config_.count("seed") > 0) run_.seed = ParseInt64(config_["seed"]);
  ApplyParams(emitter);
  for (const auto& [key, value] : config_) emitter.report().AddSetting("", key);
  return wrong;
}

// What Hugging Face's trainer counts for W&B, else what the settings of a known model determine.
void LogRun::ApplyParams(Emitter& emitter) {
  if (run_.params_non_embedding || run_.params_total || run_.params_active || run_.params_non_input_embedding)
    return;
  constexpr char kCounted[] = "model/num_parameters";
  const auto counted = config_.find(kCounted);
  const auto total = counted == config_.end() ? std::nullopt : ParseDouble(counted->second);
  const std::optional<DerivedParams> derived = DeriveParams(config_);
  if (total && *total > 0) {
    run_.params_total = total;
    emitter.report().AddSetting("params_total", kCounted);
    // A model of another shape than its configuration's.
    if (!derived || derived->total != *total) return;
  }
  if (!derived) return;
  run_.params_total = derived->total;
  run_.params_non_embedding = derived->non_embedding;
  run_.tags["params_from"] = "settings of " + derived->from;
  labels_.insert("params-derived");
}

// Puts steps that are epochs on the axis of updates, if their number is known.
void LogRun::SpreadEpochs() {
  if (!epochs_) return;
  const auto last = static_cast<double>(series_.last_step());
  if (!run_.steps || last <= 0) {
    curve_left_out_ = true;
    return;
  }
  for (std::size_t i = 0; i < kMetrics; ++i) {
    for (std::int64_t& step : series_.of(static_cast<Metric>(i)).step)
      step = std::llround(static_cast<double>(step) * *run_.steps / last);
  }
}

void LogRun::ApplyPlan() {
  for (const char* key : kPlannedSteps) {
    const auto found = config_.find(key);
    const auto steps = found == config_.end() ? std::nullopt : ParseDouble(found->second);
    if (steps) PlanSteps(*steps);
  }
  // A restart that got less far has taken its steps back.
  const auto last = static_cast<double>(series_.last_step());
  if (epochs_) {
    steps_done_ = run_.steps;
  } else if (!steps_done_ && last > 0) {
    steps_done_ = last;
  }
  if (summed_up_at_ >= 0 && summed_up_at_ >= series_.last_step()) end_ = ImportedState::kFinished;
  // What was planned was done when the run came to its end and nothing tells otherwise.
  if (!steps_done_ && end_ == ImportedState::kFinished) steps_done_ = planned_;
  if (!run_.steps && steps_done_ && *steps_done_ > 0) run_.steps = steps_done_;
}

void LogRun::ChooseUnits(Emitter& emitter) {
  const auto choose = [&](Metric loss, Metric bits, Metric perplexity, const char* split) {
    if (emitter.options().bits_per_byte) {
      // The study counts bits per byte: its own series is taken, nats are not.
      if (!series_.of(loss).step.empty()) {
        emitter.Note(
            absl::StrCat("the ", split, " loss in nats is left out: the study counts bits per byte"));
        other_unit_ = "its losses are in nats, and the study counts bits per byte";
      }
      series_.of(loss) = std::move(series_.of(bits));
      return;
    }
    if (!series_.of(bits).step.empty() && series_.of(loss).step.empty()) {
      emitter.Note(
          absl::StrCat("the ", split, " loss in bits per byte is left out: nothing is converted silently"));
      other_unit_ =
          "its losses are in bits per byte, and the study counts nats: a study of `--loss-unit "
          "bits-per-byte` "
          "takes them";
    }
    if (series_.of(loss).step.empty() && !series_.of(perplexity).step.empty()) {
      for (double& value : series_.of(perplexity).value) value = std::log(value);
      series_.of(loss) = std::move(series_.of(perplexity));
      labels_.insert("loss-from-perplexity");
      emitter.Note(absl::StrCat("the ", split, " loss is ln(perplexity)"));
    }
  };
  choose(Metric::kTrainLoss, Metric::kTrainBits, Metric::kTrainPerplexity, "training");
  choose(Metric::kValidationLoss, Metric::kValidationBits, Metric::kValidationPerplexity, "validation");
  if (series_.name_of(Metric::kTrainLoss).find("epoch") != std::string::npos)
    labels_.insert("epoch-mean-loss");
}

void LogRun::SetPeakRate() {
  if (run_.learning_rate) return;
  double peak = 0;
  for (const double value : series_.of(Metric::kLearningRate).value) {
    if (std::isfinite(value)) peak = std::max(peak, value);
  }
  if (peak > 0) {
    run_.learning_rate = peak;
    labels_.insert("peak-rate-derived");
  }
}

void LogRun::SetTokens() {
  if (run_.tokens) return;
  const auto counted = [&](Metric metric, double tokens_per_count) -> std::optional<double> {
    const Series& series = series_.of(metric);
    if (series.value.empty() || !(series.value.back() > 0)) return std::nullopt;
    const auto done = static_cast<std::int64_t>(steps_done_.value_or(0));
    // Steps behind the last count were of the batch between the last two.
    if (done > series.step.back()) return TokensAt({done}, series, tokens_per_count).front();
    return series.value.back() * tokens_per_count;
  };
  run_.tokens = counted(Metric::kTokens, 1);
  if (!run_.tokens && run_.sequence_length) run_.tokens = counted(Metric::kSamples, *run_.sequence_length);
  if (!run_.tokens && run_.batch_size_tokens && run_.steps)
    run_.tokens = *run_.steps * *run_.batch_size_tokens;
  for (const char* key : {"tokens", "total_tokens", "train_tokens"}) {
    const auto planned = config_.find(key);
    if (run_.tokens || end_ != ImportedState::kFinished || planned == config_.end()) continue;
    if (const auto tokens = ParseDouble(planned->second); tokens && *tokens > 0) run_.tokens = tokens;
  }
}

void LogRun::SetFinalLoss(Emitter& emitter) {
  for (const auto& [metric, unit] : {std::pair(Metric::kFlops, 1.0), std::pair(Metric::kGigaflops, 1e9)}) {
    const Series& flops = series_.of(metric);
    if (!run_.flops && !flops.value.empty() && flops.value.back() > 0 && std::isfinite(flops.value.back()))
      run_.flops = unit * flops.value.back();
  }
  if (run_.loss) return;
  const bool validated = !series_.of(Metric::kValidationLoss).value.empty();
  const Series& loss = series_.of(validated ? Metric::kValidationLoss : Metric::kTrainLoss);
  if (loss.value.empty()) return;
  run_.loss = loss.value.back();
  run_.tags["final_loss_from"] = validated ? "validation" : "train";
  if (validated) return;
  if (const std::string others = series_.LossesNotTaken(); !others.empty()) {
    emitter.Note(absl::StrCat("the final loss is that of training: the log has also ", others,
                              "; --metric NAME=validation_loss takes one"));
  }
}

// Whether the training loss is not finite at the end, and no validation behind it is. An update that was
// skipped leaves the run as it was.
bool LogRun::EndsNotFinite() {
  const Series& train = series_.of(Metric::kTrainLoss);
  const Series& validation = series_.of(Metric::kValidationLoss);
  if (train.value.empty() || std::isfinite(train.value.back()) || labels_.count("skipped-updates") > 0)
    return false;
  return validation.value.empty() || !std::isfinite(validation.value.back()) ||
         validation.step.back() < train.step.back();
}

// Finished is what has an end on record or has reached its plan. Anything else may be alive.
void LogRun::SetState() {
  const bool crashed = end_ == ImportedState::kCrashed;
  if ((run_.loss && !std::isfinite(*run_.loss)) || (EndsNotFinite() && !crashed)) {
    run_.state = ImportedState::kDiverged;
  } else if (end_) {
    run_.state = *end_;
  } else if (planned_ && steps_done_ && *steps_done_ >= *planned_) {
    run_.state = ImportedState::kFinished;
  } else if (killed_) {
    run_.state = ImportedState::kCrashed;
  } else if (run_.state == ImportedState::kUnspecified) {
    run_.state = ImportedState::kRunning;
    if (!planned_) labels_.insert("end-not-logged");
  }
}

void LogRun::NoteRestarts(Emitter& emitter) {
  const SeriesSet& steps = series_.steps();
  if (steps.superseded() > 0) {
    labels_.insert("restarted");
    emitter.Note(absl::StrCat("steps go back; ", steps.superseded(),
                              " values that were logged before, for steps from there on, are left out"));
  }
  if (steps.dropped() > 0) {
    emitter.Note(absl::StrCat("a curve holds at most ", kMaxCurvePoints, " points; ", steps.dropped(),
                              " were dropped"));
  }
}

std::string LogRun::WhyNoLoss() const {
  if (!epochs_ && series_.saw_any() && !series_.empty() && series_.last_step() == 0 && !steps_done_)
    return "the run made no step: all that was logged is of step 0";
  if (run_.loss || loss_optional_) return {};
  if (!other_unit_.empty()) return other_unit_;
  if (!series_.saw_any()) return "nothing was logged: there is no metric at all";
  const std::string names = series_.NamesNotTaken();
  return absl::StrCat("no loss is known", names.empty() ? "" : ": there are ", names,
                      "; --metric NAME=validation_loss, or =train_loss, takes a name that is one");
}

absl::Status LogRun::Emit(Emitter& emitter, std::int64_t line) {
  std::string wrong = ApplyConfig(emitter);
  series_.Choose();
  ApplyPlan();
  SpreadEpochs();
  NoteRestarts(emitter);
  ChooseUnits(emitter);
  SetPeakRate();
  SetTokens();
  SetFinalLoss(emitter);
  SetState();
  series_.Report(&emitter.report());
  if (const std::string none = WhyNoLoss(); !none.empty())
    absl::StrAppend(&wrong, wrong.empty() ? "" : "; ", none);
  ImportedCurve curve = CurveOf(series_, run_.batch_size_tokens.value_or(std::nan("")),
                                run_.sequence_length.value_or(std::nan("")));
  if (curve.size() > 0 && !curve_left_out_) run_.curve = std::move(curve);
  run_.labels.insert(run_.labels.end(), labels_.begin(), labels_.end());
  return emitter.Emit(std::move(run_), line, wrong);
}

}  // namespace sextant::importers
