// SPDX-License-Identifier: Apache-2.0
// Records with every field set, and equality that says which field differs.
#pragma once

#include <cstdint>
#include <string>

#include "storage/store.h"

namespace sextant::storage {

Study SampleStudy(const std::string& id);

/// A finished run with every field set; `index` varies the numbers.
Run SampleRun(const std::string& study_id, int index);

/// `points` points with every column set, tokens integral, noise from `seed`.
Curve SampleCurve(std::size_t points, std::uint64_t seed);

/// Every field set.
fitting::LossModel SampleLossModel();

/// A fit whose result has every field set, unusual doubles included.
Fit SampleFit(const std::string& study_id, const std::string& id);

/// A sealed forecast with every field set, scored.
Forecast SampleForecast(const std::string& study_id, const std::string& id);

/// Empty when equal (NaN equals NaN), otherwise the names of the fields that differ.
std::string Differences(const Study& a, const Study& b);
std::string Differences(const Run& a, const Run& b);
std::string Differences(const Curve& a, const Curve& b);
std::string Differences(const Fit& a, const Fit& b);
std::string Differences(const Forecast& a, const Forecast& b);

}  // namespace sextant::storage
