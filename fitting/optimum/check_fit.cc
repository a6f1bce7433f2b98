#include "fitting/optimum/check_fit.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>

#include "fitting/optimum/law_basis.h"

namespace sextant::fitting {
namespace {

absl::Status Wrong(const std::string& what) {
  return absl::DataLossError(absl::StrCat("the stored fit does not hold together: ", what));
}

}  // namespace

absl::Status CheckOptimumFit(const OptimumFit& fit) {
  if (fit.target > OptimumTarget::kBatchSizeTokens) return Wrong("it is of no learning rate or batch size");
  if (fit.variables > LawVariables::kTokensPerParam) return Wrong("its law has no variables");
  const std::size_t law_parameters = 1 + optimum::LawLogVariables(fit.variables, 0, 0).count;
  if (fit.law_parameters != law_parameters) {
    return Wrong(absl::StrCat("it says that its law has ", fit.law_parameters, " parameters, which has ",
                              law_parameters));
  }
  // The law's own, and the deviation of a cell.
  if (fit.parameter_count() < law_parameters + 1 || fit.estimates.size() != fit.parameter_count()) {
    return Wrong(absl::StrCat("it has ", fit.parameter_count(), " parameters and ", fit.estimates.size(),
                              " estimates"));
  }
  if (fit.replicates.size() % fit.parameter_count() != 0 ||
      fit.replicates.size() / fit.parameter_count() != fit.replicate_count) {
    return Wrong(absl::StrCat("it has ", fit.replicates.size(), " replicate values for ", fit.replicate_count,
                              " replicates of ", fit.parameter_count(), " parameters"));
  }
  if (!std::all_of(fit.estimates.begin(), fit.estimates.end(),
                   [](double value) { return std::isfinite(value); })) {
    return Wrong("an estimate is no number");
  }
  if (!(fit.near_optimal_tolerance > 0 && fit.near_optimal_tolerance < 1)) {
    return Wrong("its near-optimal tolerance is no share");
  }
  return absl::OkStatus();
}

}  // namespace sextant::fitting
