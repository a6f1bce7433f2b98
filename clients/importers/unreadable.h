// SPDX-License-Identifier: Apache-2.0
// Files that cannot be read as they are, and the way out.
#pragma once

#include <string>

#include "clients/importers/sample.h"

namespace sextant::importers {

/// What `sample` is if it is a known thing that no reader takes, with what to do; else empty.
std::string WhyUnreadable(const Sample& sample);

/// What is said of a folder that Aim wrote.
extern const char kAimWayOut[];

}  // namespace sextant::importers
