// SPDX-License-Identifier: Apache-2.0
// Bounds on what an importer reads: its files come from others.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sextant::importers {

inline constexpr std::size_t kMaxCsvLineBytes = 1u << 20;
inline constexpr std::size_t kMaxJsonLineBytes = 16u << 20;      ///< a JSONL run carries its curve
inline constexpr std::size_t kMaxColumns = 20'000;               ///< W&B exports are wide
inline constexpr std::size_t kMaxJsonDocumentBytes = 64u << 20;  ///< trainer_state.json and the like
inline constexpr std::size_t kMaxJsonDepth = 64;
inline constexpr std::int64_t kMaxStep = 9'000'000'000'000'000;  ///< what a double counts exactly
inline constexpr std::size_t kMaxCurvePoints = 2'000'000;        ///< of one run
inline constexpr std::size_t kMaxCurveSegments = 4'000'000;      ///< stretches of one run in a curves file
inline constexpr std::size_t kMaxRunsPerLog = 10'000;            ///< of one log that holds many
inline constexpr std::size_t kMaxRecordBytes = 64u << 20;        ///< of binary logs
inline constexpr std::size_t kMaxTags = 256;                     ///< of one run
inline constexpr std::size_t kMaxTextBytes = 4096;               ///< of one tag, schedule, label or name
inline constexpr std::size_t kMaxRunIdBytes = 200;
inline constexpr std::size_t kMaxFolderEntries = 1'000'000;  ///< looked at in one import
inline constexpr std::size_t kMaxFolderDepth = 64;
inline constexpr std::size_t kMaxInputs = 100'000;              ///< of one import
inline constexpr std::size_t kMaxSettingsFileBytes = 1u << 20;  ///< YAML beside a log
inline constexpr std::size_t kMaxSettings = 10'000;             ///< of one run
inline constexpr std::size_t kMaxDatabaseTextBytes = 1u << 20;  ///< of one value of a foreign database
inline constexpr std::size_t kMaxDatabaseRuns = 100'000;
inline constexpr std::size_t kHeadBytes = 64u << 10;  ///< what format detection looks at first
/// Then at so many pieces of the rest: a launcher's and a model's own output before the first line of a log
/// was up to 1 MB in the logs that this was made for.
inline constexpr std::size_t kPieces = 16, kPieceBytes = 64u << 10;

}  // namespace sextant::importers
