// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/form_ensemble.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace sextant::fitting {
namespace {

std::string LawOf(const GridElement& element) {
  if (element.family == GridFamily::kM3) return "curve-m3";
  if (element.family == GridFamily::kBreak) return "curve-bnsl";
  if (element.fixed[0] > 0) return "curve-m4";
  return element.fixed[1] > 0 ? "curve-m2" : "curve-m1";
}

}  // namespace

FormEnsemble::FormEnsemble(const LogCurve& curve, const FormAverageTuning& tuning) {
  FormAverageTuning part = tuning;
  part.recency = 0;
  parts_.emplace_back(curve, part);
  // With recent points foremost, one of them that is far off would judge itself: the first part has judged
  // them all.
  part.recency = tuning.recency;
  part.rounds = std::min(tuning.rounds, 1);
  parts_.emplace_back(parts_.front().trusted(), part);
}

double FormEnsemble::Predict(double u) const {
  double sum = 0;
  for (const FormAverage& part : parts_) sum += part.Predict(u) / static_cast<double>(parts_.size());
  return sum;
}

std::vector<std::vector<double>> FormEnsemble::Draw(std::span<const double> u, int draws,
                                                    uint64_t seed) const {
  std::vector<std::vector<double>> all;
  for (size_t p = 0; p < parts_.size(); ++p) {
    std::vector<std::vector<double>> rows =
        parts_[p].Draw(u, draws / static_cast<int>(parts_.size()), seed + p);
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
  }
  return all;
}

double FormEnsemble::noise() const {
  double least = std::numeric_limits<double>::infinity();
  for (const FormAverage& part : parts_) least = std::min(least, part.noise());
  return least;
}

std::map<std::string, double> FormEnsemble::Shares() const {
  std::map<std::string, double> shares;
  const auto parts = static_cast<double>(parts_.size());
  for (const FormAverage& part : parts_) {
    for (const GridElement& element : part.elements()) shares[LawOf(element)] += element.weight / parts;
    for (const PolishedForm& form : part.polished()) shares[form.form.law()] += form.weight / parts;
  }
  return shares;
}

}  // namespace sextant::fitting
