// SPDX-License-Identifier: Apache-2.0
// What the law tests share: the catalogue that ships, and points at which to try each of its laws.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fitting/law/law.h"

namespace sextant::fitting {

/// The catalogue in data/laws; a test failure and an empty one if it does not load.
std::shared_ptr<const Catalogue> ShippedLaws();

/// Parameters to try a law at: the published ones, else values of ordinary size for forms that are only
/// fitted.
std::vector<double> OrdinaryParameters(const Law& law);

/// One column per variable: `points` values spread over ordinary sizes.
std::vector<std::vector<double>> OrdinaryColumns(const Law& law, std::size_t points);
/// The same far outside what anyone trains.
std::vector<std::vector<double>> ExtremeColumns(const Law& law);

/// The learning rate of every step; a test failure if the shape makes no sense.
std::vector<double> ExpandSchedule(const ScheduleShape& shape);

std::vector<std::span<const double>> Spans(const std::vector<std::vector<double>>& columns);

}  // namespace sextant::fitting
