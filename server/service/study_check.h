// SPDX-License-Identifier: Apache-2.0
// The content of a study's file that a stranger has sent.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <string>

#include "server/law_table.h"
#include "storage/store.h"

namespace sextant::server {

/// Everything that an upload or a request would have been asked: ids, texts, numbers and curves of the study
/// and its runs; that laws compile and that fits hold together and can be predicted from. `study` is the one
/// of `file`, `id` what it is to be called. INVALID_ARGUMENT names what is wrong; CANCELLED once `given_up`
/// says true; RESOURCE_EXHAUSTED when its fits would hold more than `fit_bytes`.
absl::Status CheckStudy(storage::Snapshot& file, const storage::Study& study, const std::string& id,
                        const LawTable& laws, std::int64_t fit_bytes, const std::function<bool()>& given_up);

}  // namespace sextant::server
