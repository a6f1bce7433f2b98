// One run a line, as proto JSON.
#pragma once

#include "absl/status/status.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/emit.h"

namespace sextant::importers {

/// Reads JSON objects, one a line: the keys of the API's Run (snake_case or lowerCamelCase), `run_id`, and
/// `curve` with its columns. A `name` gives the run's id by its last part, so that what `runs list -o jsonl`
/// prints can be read back. With a mapping, columns are keys; a dot goes into nested objects.
absl::Status ReadRunJsonl(ByteSource* source, Emitter& emitter);

}  // namespace sextant::importers
