// SPDX-License-Identifier: Apache-2.0
// What laws of the compute-optimal size read of a run: more than the table of runs has.
#pragma once

#include <array>
#include <limits>
#include <string>
#include <vector>

namespace sextant::fitting {

inline constexpr double kNotRecorded = std::numeric_limits<double>::quiet_NaN();

/// The ways to count N, in the order of AllocationRun::counts.
inline constexpr std::array<const char*, 4> kCountings = {"non-embedding", "total", "active",
                                                          "non-input-embedding"};

/// One finished run; NaN where it does not record a quantity.
struct AllocationRun {
  std::string id = {};
  double params = kNotRecorded;  ///< N as the study counts it
  std::array<double, 4> counts = {kNotRecorded, kNotRecorded, kNotRecorded,
                                  kNotRecorded};  ///< see kCountings
  double tokens = kNotRecorded, loss = kNotRecorded;
  double flops = kNotRecorded;                ///< of training, as recorded
  double attention_per_token = kNotRecorded;  ///< 12 layers width sequence: attention's FLOPs per token
  double learning_rate = kNotRecorded, batch_size_tokens = kNotRecorded, weight_decay = kNotRecorded;
  std::string schedule = {};
  std::vector<double> curve_tokens = {}, curve_loss = {};  ///< by increasing tokens; may be empty
};

}  // namespace sextant::fitting
