// SPDX-License-Identifier: Apache-2.0
// Imported runs as the API's messages.
#pragma once

#include "clients/importers/run_record.h"
#include "sextant/v1/run_service.pb.h"

namespace sextant::cli {

v1::Run ToProto(const importers::ImportedRun& run);

}  // namespace sextant::cli
