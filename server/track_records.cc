// SPDX-License-Identifier: Apache-2.0
#include "server/track_records.h"

#include <absl/strings/str_cat.h>

#include <cmath>

#include "fitting/ledger/calibration.h"
#include "server/names.h"

namespace sextant::server {

void TrackRecords::Set(const std::vector<storage::TrackRecord>& records) {
  struct Sum {
    std::int64_t scored = 0, inside = 0;
    double nominal = 0;
  };
  std::map<std::string, Sum> fits;
  for (const storage::TrackRecord& record : records) {
    const auto fit = ParseFitName(record.source);
    if (!fit || fit->study != record.study_id) continue;
    Sum& sum = fits[record.source];
    sum.scored += record.scored;
    sum.inside += record.inside;
    sum.nominal += record.interval * static_cast<double>(record.scored);
  }
  Snapshot failing;
  for (const auto& [name, sum] : fits) {
    const double nominal = sum.nominal / static_cast<double>(sum.scored);
    if (!fitting::ledger::IntervalsFail(sum.inside, sum.scored, nominal)) continue;
    failing[name] =
        absl::StrCat("its forecasts fail: of ", sum.scored, " scored intervals ", sum.inside, " held, where ",
                     std::round(1000 * nominal) / 10, " % should (sextant forecasts score)");
  }
  snapshot_ = std::make_shared<const Snapshot>(std::move(failing));
}

}  // namespace sextant::server
