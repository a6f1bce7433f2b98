// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/convert_setting.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "fitting/optimum/batch_conversion.h"

namespace sextant::fitting {
namespace {

constexpr char kGoyal[] = "Goyal et al. 2017, arXiv:1706.02677";
constexpr char kGranziol[] = "Granziol et al. 2020, arXiv:2006.09092";
constexpr char kMalladi[] = "Malladi et al. 2022, arXiv:2205.10287";
constexpr char kMarek[] = "Marek et al. 2025, arXiv:2507.07101";
constexpr char kSurge[] = "Li et al. 2024, arXiv:2405.14578";
constexpr char kTimescale[] = "Wang and Aitchison 2024, arXiv:2405.13698";
constexpr char kEma[] = "Busbridge et al. 2023, arXiv:2307.13813";
constexpr char kTrust[] = "the layer-wise trust ratio of LARS and LAMB";

enum class Kind { kSgd, kAdam, kLion, kTrustRatio };

Kind KindOf(const std::string& optimizer) {
  if (optimizer == "adam" || optimizer == "adamw") return Kind::kAdam;
  if (optimizer == "lion") return Kind::kLion;
  if (optimizer == "lars" || optimizer == "lamb") return Kind::kTrustRatio;
  return Kind::kSgd;
}

/// Converts one setting, row by row.
class SettingConverter {
 public:
  SettingConverter(const OptimizerSetting& setting, SettingConversion& result)
      : setting_(setting),
        kind_(KindOf(setting.optimizer)),
        k_(setting.to_batch / setting.from_batch),
        result_(result) {
    result_.factor = k_;
  }

  absl::Status Run() {
    RETURN_IF_ERROR(Rate());
    Betas();
    if (setting_.epsilon) Epsilon(*setting_.epsilon);
    if (setting_.weight_decay) WeightDecay(*setting_.weight_decay);
    if (setting_.ema_decay) {
      Add("ema_decay", *setting_.ema_decay, std::pow(*setting_.ema_decay, k_), "decay^k", kEma,
          "the average keeps its half-life in examples");
    }
    if (setting_.warmup_steps) {
      Add("warmup_steps", *setting_.warmup_steps, *setting_.warmup_steps / k_, "steps / k", kGoyal,
          "the warm-up lasts as many examples; a larger rate may want a longer one");
    }
    return absl::OkStatus();
  }

 private:
  ConvertedSetting& Add(const char* quantity, double from, std::optional<double> value, std::string rule,
                        std::string source, std::string validity) {
    ConvertedSetting& row = result_.values.emplace_back();
    row.quantity = quantity;
    row.from = from;
    row.value = value;
    row.rule = std::move(rule);
    row.source = std::move(source);
    row.validity = std::move(validity);
    return row;
  }

  absl::Status AddPower(double rate, double exponent, std::string source, std::string validity) {
    ASSIGN_OR_RETURN(const double value,
                     ConvertRateByPower(rate, setting_.from_batch, setting_.to_batch, exponent));
    Add("learning_rate", rate, value, absl::StrFormat("rate x k^%g", exponent), std::move(source),
        std::move(validity));
    return absl::OkStatus();
  }

  absl::Status Rate() {
    if (!setting_.learning_rate) return absl::OkStatus();
    const double rate = *setting_.learning_rate;
    if (setting_.exponent) {
      RETURN_IF_ERROR(AddPower(rate, *setting_.exponent, "the exponent given",
                               "between the batches that it was measured on"));
    }
    switch (kind_) {
      case Kind::kSgd:
        RETURN_IF_ERROR(
            AddPower(rate, 1, absl::StrCat(kGoyal, "; ", kGranziol),
                     "while gradient noise dominates, up to a largest batch; with a gradual warm-up"));
        break;
      case Kind::kAdam:
        RETURN_IF_ERROR(
            AddPower(rate, 0.5, absl::StrCat(kMalladi, "; ", kGranziol),
                     "while gradient noise dominates, with the betas and epsilon below; sweeps of AdamW "
                     "measure exponents from 0.2 to 0.8"));
        break;
      case Kind::kLion: {
        ASSIGN_OR_RETURN(const double root,
                         ConvertRateByPower(rate, setting_.from_batch, setting_.to_batch, 0.5));
        ConvertedSetting& row =
            Add("learning_rate", rate, std::nullopt, "between rate and rate x k^0.5", kSurge,
                "of sign-like updates: k^0.5 well below the noise batch, flat at it, falling beyond");
        row.low = std::min(rate, root);
        row.high = std::max(rate, root);
        break;
      }
      case Kind::kTrustRatio:
        Add("learning_rate", rate, std::nullopt, "step length = rate x norm of the layer's weights", kTrust,
            "the length of a step does not depend on the batch: no factor follows from the rule; sweep the "
            "rate "
            "around the old one");
        break;
    }
    if (setting_.noise_batch && kind_ != Kind::kTrustRatio && kind_ != Kind::kSgd) {
      ASSIGN_OR_RETURN(const double value, ConvertRateBySurge(rate, setting_.from_batch, setting_.to_batch,
                                                              *setting_.noise_batch));
      Add("learning_rate", rate, value, "1 / (sqrt(B_noise / B) + sqrt(B / B_noise))", kSurge,
          "of sign-like updates, Adam among them; the noise batch grows during training");
    }
    return absl::OkStatus();
  }

  void Linear(const char* quantity, double beta) {
    const double value = 1 - k_ * (1 - beta);
    if (value > 0 && value < 1) {
      Add(quantity, beta, value, "1 - k (1 - beta)", kMalladi, "while k (1 - beta) is well below 1");
    } else {
      Add(quantity, beta, std::nullopt, "1 - k (1 - beta)", kMalladi,
          absl::StrFormat("does not hold here: k (1 - beta) = %g is not below 1", k_ * (1 - beta)));
    }
  }

  void Betas() {
    if (kind_ == Kind::kSgd) {
      if (setting_.beta1) {
        Add("beta1", *setting_.beta1, *setting_.beta1, "unchanged", kGoyal,
            "momentum beside the linear rule");
      }
      return;
    }
    if (kind_ == Kind::kAdam) {
      if (setting_.beta1) Linear("beta1", *setting_.beta1);
      if (setting_.beta2) Linear("beta2", *setting_.beta2);
      if (setting_.beta2) {
        Add("beta2", *setting_.beta2, std::pow(*setting_.beta2, k_), "beta^k", kMarek,
            "the second moment keeps its half-life in tokens; right for small batches too");
      }
      return;
    }
    for (const auto& [quantity, beta] :
         {std::pair{"beta1", setting_.beta1}, std::pair{"beta2", setting_.beta2}}) {
      if (!beta) continue;
      Add(quantity, *beta, std::pow(*beta, k_), "beta^k", "derived: the same half-life in examples",
          "no published rule for this optimizer was found");
    }
  }

  void Epsilon(double epsilon) {
    if (kind_ == Kind::kAdam) {
      Add("epsilon", epsilon, epsilon / std::sqrt(k_), "epsilon / k^0.5", kMalladi,
          "beside the square-root rule of the rate");
    } else {
      Add("epsilon", epsilon, std::nullopt, "none", "", "no published rule for this optimizer was found");
    }
  }

  // B / (rate x decay x D) stays: decay' = decay x k x rate / rate'.
  void WeightDecay(double decay) {
    const ConvertedSetting* rate = nullptr;
    for (const ConvertedSetting& row : result_.values) {
      if (row.quantity == "learning_rate" && row.value && rate == nullptr) rate = &row;
    }
    constexpr char kRule[] = "decay x k x rate / new rate";
    if (kind_ == Kind::kTrustRatio || (rate == nullptr && kind_ == Kind::kLion)) {
      Add("weight_decay", decay, std::nullopt, kRule, kTimescale,
          "needs the new rate, which no rule gives here");
      return;
    }
    const double exponent = setting_.exponent.value_or(kind_ == Kind::kSgd ? 1.0 : 0.5);
    const double ratio = rate != nullptr ? *rate->value / rate->from : std::pow(k_, exponent);
    Add("weight_decay", decay, decay * k_ / ratio, kRule, kTimescale,
        "decoupled decay: the time scale of the weights' average, in epochs, stays; with the first rate "
        "above");
  }

  const OptimizerSetting& setting_;
  const Kind kind_;
  const double k_;
  SettingConversion& result_;
};

}  // namespace

const std::vector<std::string>& ConvertibleOptimizers() {
  static const std::vector<std::string> names = {"sgd", "momentum", "adam", "adamw", "lion", "lars", "lamb"};
  return names;
}

std::vector<std::string> ValidateSetting(const OptimizerSetting& setting) {
  std::vector<std::string> problems;
  const std::vector<std::string>& names = ConvertibleOptimizers();
  if (std::find(names.begin(), names.end(), setting.optimizer) == names.end()) {
    problems.push_back(absl::StrCat("optimizer: one of ", absl::StrJoin(names, ", ")));
  }
  const auto positive = [&](const char* field, std::optional<double> value) {
    if (value && !(*value > 0 && std::isfinite(*value))) {
      problems.push_back(absl::StrFormat("%s: %g is not a positive finite number", field, *value));
    }
  };
  const auto share = [&](const char* field, std::optional<double> value) {
    if (value && !(*value >= 0 && *value < 1)) {
      problems.push_back(absl::StrFormat("%s: %g is not in [0, 1)", field, *value));
    }
  };
  positive("from_batch", setting.from_batch);
  positive("to_batch", setting.to_batch);
  positive("learning_rate", setting.learning_rate);
  positive("epsilon", setting.epsilon);
  positive("noise_batch", setting.noise_batch);
  share("beta1", setting.beta1);
  share("beta2", setting.beta2);
  share("ema_decay", setting.ema_decay);
  if (setting.weight_decay && !(*setting.weight_decay >= 0 && std::isfinite(*setting.weight_decay))) {
    problems.push_back("weight_decay: 0 or more, and finite");
  }
  if (setting.warmup_steps && !(*setting.warmup_steps >= 0 && std::isfinite(*setting.warmup_steps))) {
    problems.push_back("warmup_steps: 0 or more, and finite");
  }
  if (setting.exponent && !(std::abs(*setting.exponent) <= 4)) {
    problems.push_back("exponent: between -4 and 4; sweeps measure 0.2 to 1");
  }
  return problems;
}

absl::StatusOr<SettingConversion> ConvertSetting(const OptimizerSetting& setting) {
  if (const std::vector<std::string> problems = ValidateSetting(setting); !problems.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
  }
  SettingConversion result;
  RETURN_IF_ERROR(SettingConverter(setting, result).Run());
  constexpr double kFar = 16;
  if (result.factor > kFar || result.factor < 1 / kFar) {
    result.warnings.push_back(
        absl::StrFormat("the batch changes by a factor of %g: the rules were tested over factors of 2 to 32, "
                        "and hold while gradient "
                        "noise dominates; measure one setting in between",
                        result.factor));
  }
  return result;
}

}  // namespace sextant::fitting
