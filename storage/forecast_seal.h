// SPDX-License-Identifier: Apache-2.0
// The seal of a forecast: a digest of all that it says, so that a change of it is noticed.
//
// There is no key in it. It tells that a row was changed by somebody who did not seal it again; who wants
// proof against the owner of the database publishes the seal before the run.
#pragma once

#include <string>

#include "storage/records.h"

namespace sextant::storage {

/// One line a field, in a fixed order: its name, and its value as the shortest text that reads back as the
/// same double ("-" for NaN), an integer, or the length of a text in bytes, a colon and the text. Of
/// everything but the study's id (a study may be imported under another), the seal and the scores.
std::string ForecastText(const Forecast& forecast);

/// SHA-256 of ForecastText as 64 hexadecimal digits.
std::string SealOf(const Forecast& forecast);

/// Whether nothing was changed since it was sealed.
inline bool SealHolds(const Forecast& forecast) { return forecast.seal == SealOf(forecast); }

}  // namespace sextant::storage
