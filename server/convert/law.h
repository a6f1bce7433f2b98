// SPDX-License-Identifier: Apache-2.0
// Laws as messages, and published laws as fits of the study `published`.
#pragma once

#include "fitting/law/law_spec.h"
#include "server/law_table.h"
#include "sextant/v1/fit_service.pb.h"
#include "sextant/v1/law_service.pb.h"

namespace sextant::server {

void LawToProto(const LawEntry& entry, v1::Law& message);

/// The published values of a law as a finished fit, studies/published/fits/{law}.
void PublishedFitToProto(const fitting::LawSpec& spec, v1::Fit& message);

}  // namespace sextant::server
