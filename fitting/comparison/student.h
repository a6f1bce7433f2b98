// SPDX-License-Identifier: Apache-2.0
// Student's t and Fisher's F: what a lack-of-fit interval and a test of it need.
#pragma once

namespace sextant::fitting::comparison {

/// The `p`-quantile of Student's t with `degrees` > 0 degrees of freedom, 0 < p < 1.
double StudentQuantile(double p, double degrees);

/// P(F > ratio) for F with (`above`, `below`) degrees of freedom.
double FisherTail(double ratio, double above, double below);

}  // namespace sextant::fitting::comparison
