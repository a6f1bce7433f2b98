// SPDX-License-Identifier: Apache-2.0
// Local straight lines through a scatter, in linear time.
#ifndef SEXTANT_FITTING_CURVE_LOCAL_REGRESSION_H_
#define SEXTANT_FITTING_CURVE_LOCAL_REGRESSION_H_

#include <cstddef>
#include <span>
#include <vector>

namespace sextant::fitting {

// Prefix sums over points sorted by u, so that the line through any run of consecutive points costs O(1).
class LocalRegression {
 public:
  // `u` ascending; all of equal length, finite; weights positive.
  LocalRegression(std::span<const double> u, std::span<const double> v, std::span<const double> weight);

  struct Line {
    double value = 0;  // at the u asked for
    double slope = 0;
    size_t points = 0;
    double weight = 0;  // their sum
  };
  // The least-squares line through points [first, last) evaluated at `at`. One point, or no spread: slope 0.
  Line Through(size_t first, size_t last, double at) const;

 private:
  struct Sums {
    double w = 0, u = 0, v = 0, uu = 0, uv = 0;
  };
  double u0_ = 0, v0_ = 0;  // centres, so that the differences of sums keep their digits
  std::vector<Sums> prefix_;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_LOCAL_REGRESSION_H_
