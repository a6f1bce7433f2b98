// SPDX-License-Identifier: Apache-2.0
// How far a law of the loss lies from its data, and how large the scales are. Internal to least_squares.
#pragma once

#include <span>
#include <vector>

#include "fitting/law/law.h"
#include "fitting/least_squares/law_data.h"

namespace sextant::fitting {

/// ln of the product of N, D and C at a point, those of them that the law has; of its first variable where it
/// has none (as SplitLargestScales).
double LogScale(const LawSpec& spec, std::span<const double> variables);
double LargestScale(const LawSpec& spec, const LawData& data);
double MeanScale(const LawSpec& spec, const LawData& data);

/// `data` with every row's weight times its scale to the `power`, of mean 1.
LawData WeightedByScale(const LawSpec& spec, const LawData& data, double power);

/// ln(predicted / observed) at every row.
std::vector<double> LogErrors(const Law& law, const LawData& data, std::span<const double> parameters);

/// Sd of ln(loss) about the law among the larger half of the rows, corrected for `count` fitted parameters:
/// small ones often lie off every law, and say nothing about the next large one. From the 90 % quantile,
/// since a few runs always went wrong.
double NoiseAtLargeScales(const Law& law, const LawData& data, std::span<const double> parameters,
                          double count);

/// Half of the central interval of a standard normal variable that covers `level`.
double NormalHalfWidth(double level);

}  // namespace sextant::fitting
