// SPDX-License-Identifier: Apache-2.0
#include "storage/transaction.h"

#include <charconv>

#include "base/declared_name.h"
#include "base/status_macros.h"
#include "storage/curve_codec.h"

namespace sextant::storage {

int DeclaredPlace(std::string_view field) {
  constexpr std::string_view kPrefix = "declared.";
  if (field.substr(0, kPrefix.size()) != kPrefix) return -1;
  int place = -1;
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data() + kPrefix.size(), end, place);
  const bool is_place = error == std::errc() && stop == end && place >= 0;
  return is_place && place < static_cast<int>(kMaxDeclared) ? place : -1;
}

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
