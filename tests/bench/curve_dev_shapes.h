// SPDX-License-Identifier: Apache-2.0
// Noise-free learning curves, as functions of ln x, for the development sets of curve_dev_set.h.
#ifndef SEXTANT_TESTS_BENCH_CURVE_DEV_SHAPES_H_
#define SEXTANT_TESTS_BENCH_CURVE_DEV_SHAPES_H_

#include <functional>

#include "base/random.h"
#include "tests/bench/curve_dev_set.h"

namespace sextant::bench {

using Shape = std::function<double(double)>;  // value at ln x, with ln x from 0 to the curve's span

// Uniform and log-uniform.
double Between(RandomStream& random, double low, double high);
double LogBetween(RandomStream& random, double low, double high);

// Error rates falling from near chance, steepest somewhere inside or before the range, towards a floor.
Shape ErrorShape(RandomStream& random, ShapeSet set, double span);
// Losses of translation and language models: a power law or two above a floor.
Shape LossShape(RandomStream& random, ShapeSet set, bool translation);
// Scores of small tasks: nearly level, or level and then falling.
Shape TaskShape(RandomStream& random, ShapeSet set, double span);

}  // namespace sextant::bench

#endif  // SEXTANT_TESTS_BENCH_CURVE_DEV_SHAPES_H_
