// SPDX-License-Identifier: Apache-2.0
// The curve of a log's series, on its token axis.
#pragma once

#include "clients/importers/log/named_series.h"
#include "clients/importers/run_record.h"

namespace sextant::importers {

/// Puts the chosen series on one axis of steps. Tokens are a logged counter, else consumed samples x sequence
/// length, else completed steps x batch; one of them for the whole curve. NaN for what is not known.
ImportedCurve CurveOf(NamedSeries& series, double batch_size_tokens, double sequence_length);

}  // namespace sextant::importers
