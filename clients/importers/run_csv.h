// One run a row.
#pragma once

#include "absl/status/status.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/emit.h"

namespace sextant::importers {

/// Reads a CSV, TSV or semicolon-separated table with a header line.
absl::Status ReadRunCsv(ByteSource* source, Emitter& emitter);

}  // namespace sextant::importers
