#include "clients/importers/log/log_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/fields.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

constexpr std::size_t kMaxNames = 20'000;

std::string NamesOf(const std::set<std::string>& names) {
  std::string list;
  for (const std::string& name : names) absl::StrAppend(&list, list.empty() ? "" : ", ", Quoted(name));
  return list;
}

}  // namespace

LogRun::LogRun(const Emitter& emitter)
    : rules_(emitter.options().metrics),
      format_names_(emitter.format().metrics),
      step_offset_(emitter.options().step_offset),
      run_(emitter.Prototype()),
      config_(emitter.settings()) {}

Metric LogRun::MetricOf(std::string_view name) {
  auto found = names_.find(std::string(name));
  if (found == names_.end()) {
    if (names_.size() >= kMaxNames) return Metric::kIgnored;
    found = names_.emplace(std::string(name), FindMetric(rules_, format_names_, name)).first;
    constexpr std::size_t kShown = 8;
    if (found->second == Metric::kIgnored && losses_not_taken_.size() < kShown && name.size() < 100 &&
        ToLower(name).find("loss") != std::string::npos && name != "loss scale" && name != "loss-scale") {
      losses_not_taken_.insert(found->first);
    }
  }
  return found->second;
}

void LogRun::AddPoint(std::string_view name, std::int64_t step, double value) {
  const Metric metric = MetricOf(name);
  if (metric == Metric::kIgnored || step < 0 || step > kMaxStep) return;
  step += step_offset_;
  if (step >= 0) series_.Add(metric, step, value);
}

void LogRun::SetConfig(const std::string& key, const std::string& value) {
  if (config_.size() < kMaxSettings && key.size() <= kMaxTextBytes && value.size() <= kMaxTextBytes)
    config_[key] = value;
}

std::string LogRun::ApplyConfig(const Emitter& emitter) {
  std::string wrong;
  const std::vector<FieldMapping>& map = emitter.options().map;
  for (const FieldMapping& entry : map) {
    const auto found = config_.find(entry.column);
    const std::string reason =
        found == config_.end()
            ? absl::StrCat(entry.field, " is missing: there is no setting ", Quoted(entry.column))
            : SetField(entry.field, found->second, &run_);
    if (!reason.empty()) absl::StrAppend(&wrong, wrong.empty() ? "" : "; ", reason);
  }
  // Then settings under a field's own name or alias. One that does not fit is left alone: logs hold
  // "learning_rate: auto" and the like.
  for (const NumberField& field : NumberFields()) {
    if (field.rule == NumberRule::kLoss || run_.*(field.member)) continue;
    std::vector<std::string> keys{field.name};
    keys.insert(keys.end(), field.aliases.begin(), field.aliases.end());
    for (const std::string& key : keys) {
      const auto found = config_.find(key);
      const auto value = found == config_.end() ? std::nullopt : ParseDouble(found->second);
      if (!value || !CheckNumber(field, *value).empty()) continue;
      run_.*(field.member) = *value;
      break;
    }
  }
  if (!run_.seed && config_.count("seed") > 0) run_.seed = ParseInt64(config_["seed"]);
  return wrong;
}

void LogRun::ChooseUnits(Emitter& emitter) {
  const auto choose = [&](Metric loss, Metric bits, Metric perplexity, const char* split) {
    if (emitter.options().bits_per_byte) {
      // The study counts bits per byte: its own series is taken, nats are not.
      if (!series(loss).step.empty())
        emitter.Note(
            absl::StrCat("the ", split, " loss in nats is left out: the study counts bits per byte"));
      series(loss) = std::move(series(bits));
      return;
    }
    if (!series(bits).step.empty()) {
      emitter.Note(
          absl::StrCat("the ", split, " loss in bits per byte is left out: nothing is converted silently"));
    }
    if (series(loss).step.empty() && !series(perplexity).step.empty()) {
      for (double& value : series(perplexity).value) value = std::log(value);
      series(loss) = std::move(series(perplexity));
      labels_.insert("loss-from-perplexity");
      emitter.Note(absl::StrCat("the ", split, " loss is ln(perplexity)"));
    }
  };
  choose(Metric::kTrainLoss, Metric::kTrainBits, Metric::kTrainPerplexity, "training");
  choose(Metric::kValidationLoss, Metric::kValidationBits, Metric::kValidationPerplexity, "validation");
}

ImportedCurve LogRun::BuildCurve() {
  const double batch = run_.batch_size_tokens.value_or(std::nan(""));
  const double sequence = run_.sequence_length.value_or(std::nan(""));
  const Metric shown[] = {Metric::kTrainLoss, Metric::kValidationLoss, Metric::kLearningRate,
                          Metric::kGradientNoiseScale};
  std::vector<std::int64_t> steps;
  for (const Metric metric : shown)
    steps.insert(steps.end(), series(metric).step.begin(), series(metric).step.end());
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  if (steps.size() > kMaxCurvePoints) steps.resize(kMaxCurvePoints);
  const std::size_t n = steps.size();
  const auto fill = [&](Metric metric) {
    std::vector<double> column(n, std::nan(""));
    const Series& from = series(metric);
    std::size_t at = 0;
    for (std::size_t i = 0; i < from.step.size(); ++i) {
      while (at < n && steps[at] < from.step[i]) ++at;
      if (at < n && steps[at] == from.step[i]) column[at] = from.value[i];
    }
    return column;
  };
  const auto floats = [&](Metric metric) {
    if (series(metric).step.empty()) return std::vector<float>();
    const std::vector<double> column = fill(metric);
    std::vector<float> out(n);
    std::transform(column.begin(), column.end(), out.begin(), [](double value) {
      const float narrow = static_cast<float>(value);
      return std::isfinite(narrow) ? narrow : std::nanf("");
    });
    return out;
  };
  ImportedCurve curve;
  // A logged counter, else consumed samples, else completed steps; one of them for the whole curve.
  curve.tokens.assign(n, std::nan(""));
  if (!series(Metric::kTokens).step.empty()) {
    curve.tokens = TokensAt(steps, series(Metric::kTokens), 1);
  } else if (!series(Metric::kSamples).step.empty() && std::isfinite(sequence)) {
    curve.tokens = TokensAt(steps, series(Metric::kSamples), sequence);
  } else {
    for (std::size_t i = 0; i < n; ++i) curve.tokens[i] = static_cast<double>(steps[i]) * batch;
  }
  if (std::none_of(curve.tokens.begin(), curve.tokens.end(), [](double t) { return std::isfinite(t); })) {
    curve.tokens.clear();
  }
  curve.train_loss = floats(Metric::kTrainLoss);
  curve.validation_loss = floats(Metric::kValidationLoss);
  curve.learning_rate = floats(Metric::kLearningRate);
  curve.gradient_noise_scale = floats(Metric::kGradientNoiseScale);
  curve.step = std::move(steps);
  return curve;
}

void LogRun::Summarize(Emitter& emitter) {
  const Series& rate = series(Metric::kLearningRate);
  if (!run_.learning_rate) {
    double peak = 0;
    for (const double value : rate.value) {
      if (std::isfinite(value)) peak = std::max(peak, value);
    }
    if (peak > 0) {
      run_.learning_rate = peak;
      labels_.insert("peak-rate-derived");
    }
  }
  if (!run_.tokens) {
    const Series& counted = series(Metric::kTokens);
    const Series& samples = series(Metric::kSamples);
    if (!counted.value.empty() && counted.value.back() > 0) {
      run_.tokens = counted.value.back();
    } else if (!samples.value.empty() && samples.value.back() > 0 && run_.sequence_length) {
      run_.tokens = samples.value.back() * *run_.sequence_length;
    } else if (run_.batch_size_tokens && run_.steps) {
      run_.tokens = *run_.steps * *run_.batch_size_tokens;
    }
  }
  for (const auto& [metric, unit] : {std::pair(Metric::kFlops, 1.0), std::pair(Metric::kGigaflops, 1e9)}) {
    const Series& flops = series(metric);
    if (!run_.flops && !flops.value.empty() && flops.value.back() > 0 && std::isfinite(flops.value.back()))
      run_.flops = unit * flops.value.back();
  }
  if (!run_.loss_nats) {
    const bool validated = !series(Metric::kValidationLoss).value.empty();
    const Series& loss = series(validated ? Metric::kValidationLoss : Metric::kTrainLoss);
    if (!loss.value.empty()) {
      run_.loss_nats = loss.value.back();
      run_.tags["final_loss_from"] = validated ? "validation" : "train";
    }
    if (!validated && !losses_not_taken_.empty()) {
      emitter.Note(absl::StrCat("the final loss is ", loss.value.empty() ? "not known" : "that of training",
                                ": the log has also ", NamesOf(losses_not_taken_),
                                "; --metric NAME=validation_loss takes one"));
    }
  }
  if (series_.superseded() > 0) {
    labels_.insert("restarted");
    emitter.Note(absl::StrCat("steps go back; ", series_.superseded(),
                              " values that were logged before, for steps from there on, are left out"));
  }
  if (series_.dropped() > 0) {
    emitter.Note(absl::StrCat("a curve holds at most ", kMaxCurvePoints, " points; ", series_.dropped(),
                              " were dropped"));
  }
}

absl::Status LogRun::Emit(Emitter& emitter, std::int64_t line) {
  const std::string wrong = ApplyConfig(emitter);
  // Before series are left out for their unit; a restart that got less far has taken its steps back.
  if (const std::int64_t last = series_.last_step(); !run_.steps && last > 0)
    run_.steps = static_cast<double>(last);
  ChooseUnits(emitter);
  Summarize(emitter);
  ImportedCurve curve = BuildCurve();
  if (curve.size() > 0 && !curve_left_out_) run_.curve = std::move(curve);
  run_.labels.insert(run_.labels.end(), labels_.begin(), labels_.end());
  return emitter.Emit(std::move(run_), line, wrong);
}

}  // namespace sextant::importers
