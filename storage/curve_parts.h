// SPDX-License-Identifier: Apache-2.0
// Pieces of curves.
#pragma once

#include <cstddef>

#include "storage/records.h"

namespace sextant::storage {

/// `count` points from `from` on, which the curve holds.
Curve Slice(const Curve& curve, std::size_t from, std::size_t count);

/// Appends points [from, end) of `more`. A column that only one of the two has is NaN in the other's points.
void Append(const Curve& more, std::size_t from, Curve& curve);

}  // namespace sextant::storage
