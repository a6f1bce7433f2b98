#include "server/fit_data.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace sextant::server {
fitting::RunTable Without(const fitting::RunTable& table, const std::vector<std::string>& ids) {
  std::vector<bool> keep(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    keep[i] = !std::binary_search(ids.begin(), ids.end(), table.id[i]);
  }
  return fitting::SelectRows(table, keep);
}

absl::StatusOr<FitData> LoadFitData(storage::Store& store, const std::string& study,
                                    const std::vector<storage::Condition>& where,
                                    const std::vector<storage::Condition>& holdout) {
  FitData data;
  ASSIGN_OR_RETURN(auto runs, store.LoadRunTable(study, where));
  if (holdout.empty()) {
    data.runs = std::move(runs);
    return data;
  }
  std::vector<storage::Condition> both = where;
  both.insert(both.end(), holdout.begin(), holdout.end());
  ASSIGN_OR_RETURN(auto kept_back, store.LoadRunTable(study, both));
  std::vector<std::string> ids = kept_back.id;
  std::sort(ids.begin(), ids.end());
  data.runs = Without(runs, ids);
  data.holdout = std::move(kept_back);
  return data;
}

}  // namespace sextant::server
