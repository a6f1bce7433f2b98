// SPDX-License-Identifier: Apache-2.0
// Cleaning and labelling of long curves: CPU time, beside the floor of the same run, which is to take the
// logarithm of every step and loss and to write them. Usage: curve_clean_bench [POINTS]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "fitting/curve/curve.h"

namespace {

using namespace sextant;

fitting::LossCurve Make(size_t points) {
  fitting::LossCurve curve;
  RandomStream random(1, 0);
  for (size_t i = 1; i <= points; ++i) {
    const auto step = static_cast<double>(i);
    curve.step.push_back(step);
    curve.tokens.push_back(4096 * step);
    curve.train_loss.push_back((1.5 + 6 * std::pow(step, -.3)) * std::exp(.02 * random.Normal()));
    curve.learning_rate.push_back(1e-3);
  }
  return curve;
}

template <typename Work>
double LeastMilliseconds(Work work) {
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 5; ++i) {
    const std::clock_t begin = std::clock();
    work();
    least = std::min(least, 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  return least;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t points = argc > 1 ? static_cast<size_t>(std::atoll(argv[1])) : 1'000'000;
  const fitting::LossCurve smooth = Make(points);
  fitting::LossCurve holes = smooth, restarts = smooth, shuffled = smooth;
  RandomStream random(2, 0);
  for (size_t i = 0; i < points; i += 7) holes.train_loss[i] = std::numeric_limits<double>::quiet_NaN();
  for (size_t i = points / 2; i < points; ++i) restarts.step[i] -= static_cast<double>(points / 10);
  for (size_t i = points; i-- > 1;) {
    const size_t j = random.Index(i + 1);
    for (auto* column : {&shuffled.step, &shuffled.tokens, &shuffled.train_loss, &shuffled.learning_rate}) {
      std::swap((*column)[i], (*column)[j]);
    }
  }
  std::vector<double> u(points), v(points);
  const double floor = LeastMilliseconds([&] {
    for (size_t i = 0; i < points; ++i) {
      u[i] = std::log(smooth.step[i]);
      v[i] = std::log(smooth.train_loss[i]);
    }
  });
  std::printf("%zu points; floor, two logarithms a point: %.1f ms of CPU\n", points, floor);
  const std::pair<const char*, const fitting::LossCurve*> cases[] = {{"smooth", &smooth},
                                                                     {"one loss in seven is NaN", &holes},
                                                                     {"a restart", &restarts},
                                                                     {"shuffled", &shuffled}};
  for (const auto& [name, curve] : cases) {
    std::string label;
    const double ms =
        LeastMilliseconds([&] { label = fitting::CurveLabelName(fitting::Clean(*curve).quality.label); });
    std::printf("%-26s %6.1f ms, %.1f times the floor, labelled %s\n", name, ms, ms / floor, label.c_str());
  }
  return 0;
}
