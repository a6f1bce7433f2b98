// SPDX-License-Identifier: Apache-2.0
// Which rows of a recorded curve are kept, and in which order.
#ifndef SEXTANT_FITTING_CURVE_CURVE_ROWS_H_
#define SEXTANT_FITTING_CURVE_CURVE_ROWS_H_

#include <cmath>
#include <cstddef>
#include <vector>

#include "fitting/curve/curve.h"

namespace sextant::fitting {

// What a step, a token count or a loss must be to be used.
inline bool Positive(double v) { return v > 0 && std::isfinite(v); }

// The rows that survive, ascending in x. A step that goes backwards starts a segment that replaces what it
// covers again; rows out of order everywhere are sorted instead, and the later record of an x wins. Adds what
// was dropped to `quality`.
std::vector<size_t> KeepRows(const std::vector<double>& x, const std::vector<double>& loss,
                             CurveQuality& quality);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_CURVE_ROWS_H_
