// SPDX-License-Identifier: Apache-2.0
#include "storage/transaction.h"

#include "base/status_macros.h"
#include "storage/curve_codec.h"

namespace sextant::storage {

absl::StatusOr<std::vector<PutOutcome>> Transaction::PutRuns(const std::string& study_id,
                                                             std::span<const RunWithCurve> runs) {
  std::vector<EncodedRun> encoded;
  encoded.reserve(runs.size());
  for (const RunWithCurve& run : runs) {
    RETURN_IF_ERROR(CheckCurve(run.curve));
    encoded.push_back({run.run, EncodedCurve(run.curve), run.curve_begin, run.curve_length});
  }
  return PutEncodedRuns(study_id, encoded);
}

}  // namespace sextant::storage
