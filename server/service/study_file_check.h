// SPDX-License-Identifier: Apache-2.0
// A study's file that a stranger has sent.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <string>

#include "server/law_table.h"

namespace sextant::server {

/// Everything of a file that came is checked before anything of it is copied: that it is ours, whole, and
/// holds one study that could have been uploaded. An older file is brought up to date in place. Returns what
/// the study is to be called, `new_id` or its own id. INVALID_ARGUMENT says what is wrong; CANCELLED once
/// `given_up` says true; RESOURCE_EXHAUSTED when its fits would hold more than `fit_bytes` in memory.
absl::StatusOr<std::string> CheckStudyFile(const std::string& path, const std::string& new_id,
                                           const LawTable& laws, std::int64_t fit_bytes,
                                           const std::function<bool()>& given_up);

}  // namespace sextant::server
