// SPDX-License-Identifier: Apache-2.0
// Which format a file has, by its structure.
#pragma once

#include <string>

#include "clients/importers/format.h"
#include "clients/importers/sample.h"

namespace sextant::importers {

struct Detection {
  const Format* format = nullptr;  ///< null: none, and `why` says for what reason
  int percent = 0;                 ///< how sure that is
  std::string why;
};

/// Asks every format; the surest wins. What is of none of them, or a known thing that cannot be read, has the
/// reason and the way out in `why`.
Detection DetectFormat(const Sample& sample);

}  // namespace sextant::importers
