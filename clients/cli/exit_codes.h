// SPDX-License-Identifier: Apache-2.0
// Exit codes that scripts rely on.
#pragma once

namespace sextant::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitLocal = 1;        ///< a file, the database, the terminal
inline constexpr int kExitUsage = 2;        ///< the command line is wrong
inline constexpr int kExitRejects = 3;      ///< done, but records were rejected under --strict
inline constexpr int kExitWithheld = 4;     ///< not identifiable, or beyond the allowed extrapolation
inline constexpr int kExitServerBase = 64;  ///< plus the gRPC code of the answer
inline constexpr int kExitInterrupted = 130;

}  // namespace sextant::cli
