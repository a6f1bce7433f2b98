// SPDX-License-Identifier: Apache-2.0
// The value of TensorBoard's one-element tensors.
#pragma once

#include <optional>
#include <string_view>

namespace sextant::importers {

/// The value of a serialized TensorProto with one element (float, double, int32, int64, half, bfloat16; raw
/// or listed); absent for any other.
std::optional<double> ScalarOfTensor(std::string_view tensor);

}  // namespace sextant::importers
