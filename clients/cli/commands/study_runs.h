// SPDX-License-Identifier: Apache-2.0
// A study's runs as charts and reports need them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clients/cli/session.h"
#include "sextant/v1/run_service.pb.h"
#include "sextant/v1/study_service.pb.h"

namespace sextant::cli {

/// Every run that `filter` lets in, with the fields in `paths` (empty: all).
int ReadRuns(Session& session, const std::string& study_name, const std::string& filter,
             const std::vector<std::string>& paths, std::vector<v1::Run>* runs);

/// N as the study counts it; nullopt where the run does not say.
std::optional<double> ParamsOf(const v1::Study& study, const v1::Run& run);

/// "nats per token", …; "loss" charts name it.
std::string LossUnitText(v1::LossUnit unit);

}  // namespace sextant::cli
