// SPDX-License-Identifier: Apache-2.0
#include "fitting/allocation/flops_count.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace sextant::fitting {
namespace {

constexpr double kSame = 1e-3;  // relative: the rounding of logs

double ByDefinition(const AllocationRun& run, const std::string& name) {
  if (name == "recorded") return run.flops;
  if (name == "6nd") return 6 * run.params * run.tokens;
  // DeepSeek LLM 2024: 72 layers width^2 + 12 layers width sequence, the first being 6 N.
  if (name == "with-attention") return (6 * run.params + run.attention_per_token) * run.tokens;
  for (std::size_t c = 0; c < kCountings.size(); ++c) {
    if (name == absl::StrCat("6nd-", kCountings[c])) return 6 * run.counts[c] * run.tokens;
  }
  return kNotRecorded;
}

std::string Description(const std::string& name, const std::string& study_counting) {
  if (name == "recorded") return "as the runs record it";
  if (name == "6nd") return absl::StrCat("6 N D with N ", study_counting);
  if (name == "with-attention") {
    return absl::StrCat("6 N D with N ", study_counting, ", and 12 layers width sequence D for attention");
  }
  return absl::StrCat("6 N D with N ", name.substr(4));
}

}  // namespace

const std::vector<std::string>& FlopsCountNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"auto", "recorded", "6nd", "with-attention"};
    for (const char* counting : kCountings) all.push_back(absl::StrCat("6nd-", counting));
    return all;
  }();
  return names;
}

absl::StatusOr<CountedFlops> CountFlops(const std::vector<AllocationRun>& runs, const std::string& name,
                                        const std::string& study_counting) {
  const std::vector<std::string>& names = FlopsCountNames();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("flops_count: '", name, "' is not one of ", absl::StrJoin(names, ", ")));
  }
  CountedFlops counted;
  counted.name = name;
  const auto recorded =
      std::count_if(runs.begin(), runs.end(), [](const AllocationRun& run) { return run.flops > 0; });
  if (name == "auto") {
    if (recorded > 0 && recorded < static_cast<std::ptrdiff_t>(runs.size())) {
      return absl::FailedPreconditionError(absl::StrCat(
          recorded, " of ", runs.size(),
          " runs record their FLOPs: two ways of counting do not mix; name one with flops_count (recorded "
          "leaves the others out, 6nd takes all) or filter"));
    }
    counted.name = recorded > 0 ? "recorded" : "6nd";
  }
  for (const AllocationRun& run : runs) {
    const double flops = ByDefinition(run, counted.name);
    counted.flops.push_back(flops > 0 && std::isfinite(flops) ? flops : kNotRecorded);
  }
  const auto with = std::count_if(counted.flops.begin(), counted.flops.end(),
                                  [](double flops) { return std::isfinite(flops); });
  if (with == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "flops_count: no run records what ", counted.name, " needs",
        counted.name == "with-attention" ? " (tags `layers` and `d_model`, and the sequence length)" : ""));
  }
  counted.description = Description(counted.name, study_counting);
  if (counted.name != name) {
    counted.warnings.push_back(absl::StrCat("C is counted ", counted.description,
                                            counted.name == "6nd" ? ", since no run records its FLOPs" : ""));
  }
  if (with < static_cast<std::ptrdiff_t>(runs.size())) {
    counted.warnings.push_back(absl::StrCat(static_cast<std::ptrdiff_t>(runs.size()) - with, " of ",
                                            runs.size(), " runs lack what counting C ", counted.description,
                                            " needs: they were left out"));
  }
  // What 6 N D would have made of the same runs.
  double low = 1e300, high = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double ratio = counted.flops[i] / (6 * runs[i].params * runs[i].tokens);
    if (!std::isfinite(ratio)) continue;
    low = std::min(low, ratio);
    high = std::max(high, ratio);
  }
  counted.six_nd = high > 0 && high < 1 + kSame && low > 1 - kSame;
  if (counted.six_nd && counted.name == "recorded")
    counted.warnings.push_back("the recorded FLOPs are 6 N D");
  if (high > 0 && (high > 1.02 || low < 0.98)) {
    counted.warnings.push_back(
        absl::StrFormat("C is %.3g to %.3g times 6 N D with the study's own N", low, high));
  }
  return counted;
}

}  // namespace sextant::fitting
