// SPDX-License-Identifier: Apache-2.0
// Curves of runs.
#pragma once

#include <cstddef>
#include <vector>

#include "server/error.h"
#include "sextant/v1/run_service.pb.h"
#include "storage/records.h"

namespace sextant::server {

/// Points [from, from + count) of a curve.
void CurveToProto(const storage::Curve& curve, std::size_t from, std::size_t count, v1::Curve& message);

/// A curve from outside, as a view of the message; adds a violation for columns of unequal length, steps that
/// are negative or do not rise, and token counts that are not positive or fall. Values that are not finite
/// become NaN, a gap.
storage::CurveView CurveFromProto(v1::Curve& message, std::vector<FieldViolation>& violations);

}  // namespace sextant::server
