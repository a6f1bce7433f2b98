// SPDX-License-Identifier: Apache-2.0
// How fits are shown.
#pragma once

#include "clients/cli/output/records.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::cli {

std::vector<RecordColumn> FitColumns();

/// One fit: proto JSON, or parameters with their intervals and what there is to know about the fit.
int PrintFit(const Session& session, const v1::Fit& fit);

/// "log_c 4.416, a -0.7712": parameters on one line.
std::string ParameterLine(const v1::Fit& fit);

std::string FitStateWord(v1::FitState state);
/// "replicates 34 %", or "data" where the length of the phase is not known.
std::string FitStageText(const v1::FitProgress& progress);

}  // namespace sextant::cli
