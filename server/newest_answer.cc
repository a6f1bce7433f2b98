// SPDX-License-Identifier: Apache-2.0
#include "server/newest_answer.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <utility>

namespace sextant::server {
namespace {

using fitting::Prediction;
using fitting::PredictionTarget;
using fitting::Predictor;

// Fits that are older than this many are asked by name.
constexpr std::size_t kMostAsked = 50;

class NewestOf final : public Predictor {
 public:
  explicit NewestOf(std::vector<std::shared_ptr<const Predictor>> newest_first)
      : fits_(std::move(newest_first)) {}

  fitting::Target target() const override { return fits_.front()->target(); }
  const fitting::FitResult* fit() const override { return fits_.front()->fit(); }
  const std::string& source() const override { return fits_.front()->source(); }
  const std::shared_ptr<const fitting::Law>& law() const override { return fits_.front()->law(); }

  void Predict(const PredictionTarget& target, Prediction& into) const override {
    const std::size_t before = into.withheld.size();
    std::string passed;
    fitting::Withheld first;
    for (const auto& fit : fits_) {
      fit->Predict(target, into);
      if (into.withheld.size() == before) {
        if (!passed.empty()) {
          into.warnings.push_back(
              absl::StrCat(fit->source(), " answers, as the newest fit that can: ", passed));
        }
        return;
      }
      if (passed.empty()) first = into.withheld[before];
      absl::StrAppend(&passed, passed.empty() ? "" : "; ", fit->source(), " ", into.withheld[before].reason);
      into.withheld.resize(before);
    }
    into.withheld.push_back(std::move(first));
  }

  absl::StatusOr<std::vector<fitting::PenaltyPoint>> Penalties(
      const PredictionTarget& target, const std::vector<double>& learning_rates,
      const std::vector<double>& batch_sizes_tokens, const std::function<bool()>& given_up) const override {
    return fits_.front()->Penalties(target, learning_rates, batch_sizes_tokens, given_up);
  }

 private:
  std::vector<std::shared_ptr<const Predictor>> fits_;
};

}  // namespace

std::shared_ptr<const Predictor> NewestAnswer(std::vector<std::shared_ptr<const Predictor>> newest_first) {
  if (newest_first.size() == 1) return newest_first.front();
  if (newest_first.size() > kMostAsked) newest_first.resize(kMostAsked);
  return std::make_shared<NewestOf>(std::move(newest_first));
}

}  // namespace sextant::server
