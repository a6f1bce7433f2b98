// SPDX-License-Identifier: Apache-2.0
// A law with parameters planted in noisy data.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "fitting/data_columns.h"

namespace sextant::fitting {

struct PlantedLaw {
  std::string law;                                              ///< id in the catalogue
  std::map<std::string, double> planted;                        ///< every free parameter
  std::map<std::string, std::vector<double>> axes;              ///< a full grid of these
  std::function<double(std::map<std::string, double>&)> value;  ///< of a point of the grid
  double noise = 0.01;                                          ///< of ln y
};

namespace planted {

/// `count` values from `low` to `high`, evenly in ln.
inline std::vector<double> Log(double low, double high, int count) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(low * std::pow(high / low, i / (count - 1.0)));
  return values;
}

/// The grid of `law` with noise of one seed; every point once.
inline DataColumns Data(const PlantedLaw& law, std::uint64_t seed) {
  std::vector<std::map<std::string, double>> points = {{}};
  for (const auto& [name, values] : law.axes) {
    std::vector<std::map<std::string, double>> next;
    for (const auto& point : points) {
      for (const double value : values) {
        next.push_back(point);
        next.back()[name] = value;
      }
    }
    points = std::move(next);
  }
  DataColumns data;
  RandomStream random(seed, 17);
  for (auto& point : points) {
    const double value = law.value(point) * std::exp(law.noise * random.Normal());
    for (const auto& [name, at] : point) data.columns[name].push_back(at);
    data.columns[kObservedColumn].push_back(value);
  }
  return data;
}

}  // namespace planted
}  // namespace sextant::fitting
