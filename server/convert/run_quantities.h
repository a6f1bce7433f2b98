// SPDX-License-Identifier: Apache-2.0
// The quantities of a run in the API's message, by the table of fields.
#pragma once

#include <google/protobuf/descriptor.h>

#include <array>

#include "base/run_field_table.h"

namespace sextant::server {

using QuantityFields = std::array<const google::protobuf::FieldDescriptor*, kRunQuantities.size()>;

/// The `optional double` fields of a message type that hold kRunQuantities, in their order; nullptr where the
/// type has none of that name.
QuantityFields FindQuantityFields(const google::protobuf::Descriptor& type);

/// Those of sextant.v1.Run, found once, so that a run costs no look-up by name. Ends the process, saying
/// which, if the message lacks one.
const QuantityFields& RunQuantityFields();

}  // namespace sextant::server
