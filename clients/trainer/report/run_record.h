// SPDX-License-Identifier: Apache-2.0
// A finished run as one line of JSON that `sextant runs import` reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clients/trainer/sweep/spec.h"

namespace sextant::trainer {

// Columns of equal length. A column that was not measured is empty; a missing value is NaN.
struct Curve {
  std::vector<int64_t> step;
  std::vector<double> train_loss;            // mean over the steps since the previous point, nats a token
  std::vector<double> validation_loss;       // nats a token
  std::vector<double> gradient_noise_scale;  // tokens
};

struct RunRecord {
  RunSpec run;
  std::string state;     // FINISHED or DIVERGED
  double loss_nats = 0;  // held-out, a token; NaN when diverged
  double bytes_per_token = 1;
  double seconds = 0;  // of the pack that the run was part of
  int fused_runs = 1;
  std::string device;
  std::string sweep;
  Curve curve;
};

// One line without the line break. Fields carry their proto names; non-finite numbers become "NaN" or
// "Infinity".
std::string ToJson(const RunRecord& record);

}  // namespace sextant::trainer
