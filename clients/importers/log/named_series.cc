// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/named_series.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

constexpr std::size_t kMaxNames = 20'000;

bool LooksLikeLoss(std::string_view name) {
  const std::string lower = ToLower(name);
  if (lower.find("scale") != std::string::npos || lower.find("train") != std::string::npos) return false;
  for (const char* word : {"loss", "perplexity", "ppl", "bpb", "nll"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

// A counter that stays at zero was not kept: several trainers write one all the same.
bool CountsNothing(Metric metric, const Series& series) {
  if (metric != Metric::kTokens && metric != Metric::kSamples && metric != Metric::kFlops &&
      metric != Metric::kGigaflops)
    return false;
  return std::all_of(series.value.begin(), series.value.end(), [](double value) { return !(value > 0); });
}

}  // namespace

NamedSeries::Named& NamedSeries::Find(std::string_view name) {
  const auto found = names_.find(name);
  if (found != names_.end()) return found->second;
  if (names_.size() >= kMaxNames) return beyond_;
  Named named;
  named.known = FindMetric(rules_, format_names_, name);
  named.order = static_cast<std::int64_t>(names_.size());
  if (named.known.metric != Metric::kIgnored) named.series = series_.Open(named.known.metric);
  return names_.emplace(std::string(name), named).first->second;
}

void NamedSeries::Add(std::string_view name, std::int64_t step, double value) {
  Named& named = Find(name);
  ++named.points;
  if (named.known.metric != Metric::kIgnored) series_.Add(named.series, step, value);
}

void NamedSeries::Choose() {
  had_points_ = !series_.empty();
  last_step_ = series_.last_step();
  std::pair<const std::string, Named>* best[kMetrics] = {};
  for (auto& entry : names_) {
    Named& named = entry.second;
    const Metric metric = named.known.metric;
    if (metric == Metric::kIgnored) continue;
    const Series& series = series_.at(named.series);
    if (series.step.empty() || CountsNothing(metric, series)) continue;
    auto*& other = best[static_cast<std::size_t>(metric)];
    const auto rank = [](const Named& each) { return std::pair(each.known.preference, each.order); };
    if (other == nullptr || rank(named) < rank(other->second)) other = &entry;
  }
  for (std::size_t i = 0; i < kMetrics; ++i) {
    if (best[i] == nullptr) continue;
    best[i]->second.taken = true;
    chosen_[i] = std::move(series_.at(best[i]->second.series));
    chosen_names_[i] = best[i]->first;
  }
}

std::string NamedSeries::List(bool losses_only) const {
  constexpr std::size_t kShown = 8, kMaxShownBytes = 100;
  std::vector<std::string_view> names;
  for (const auto& [name, named] : names_) {
    if (named.taken || name.size() > kMaxShownBytes || (losses_only && !LooksLikeLoss(name))) continue;
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  std::string list;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
    absl::StrAppend(&list, i == 0 ? "" : ", ", Quoted(names[i]));
  if (names.size() > kShown) absl::StrAppend(&list, " and ", names.size() - kShown, " more");
  return list;
}

std::string NamedSeries::LossesNotTaken() const { return List(true); }
std::string NamedSeries::NamesNotTaken() const { return List(false); }

void NamedSeries::Report(FileReport* report) const {
  for (const auto& [name, named] : names_) {
    std::string why;
    const char* quantity = QuantityWord(named.known.metric);
    if (named.known.metric == Metric::kIgnored) {
      why = "no quantity that is known";
    } else if (!named.taken) {
      const std::string& other = name_of(named.known.metric);
      why = other.empty() ? "it counts nothing" : absl::StrCat(Quoted(other), " is the ", quantity);
    }
    report->AddMetric(name, named.taken ? quantity : "", named.points, why);
  }
}

}  // namespace sextant::importers
