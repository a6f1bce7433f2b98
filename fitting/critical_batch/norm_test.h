// SPDX-License-Identifier: Apache-2.0
// A plan of batches by the norm test on recorded gradient noise scales.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_NORM_TEST_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_NORM_TEST_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sextant::fitting {

struct NormTestOptions {
  // The test holds while sqrt(tr Sigma / b) <= eta |G|.
  double eta = 0.5;
  double first_batch_tokens = 0;    // required
  double largest_batch_tokens = 0;  // 0: none
  double multiple_tokens = 1;       // batches are rounded up to multiples of it
  int window = 1;                   // points whose median is the noise scale; 1: each as it was recorded
};

struct BatchStage {
  double from_tokens = 0;  // of the run, where the stage begins
  double batch_size_tokens = 0;
  double noise_scale_tokens = 0;  // that asked for it; 0 of the first
};

struct BatchPlan {
  std::vector<BatchStage> stages;  // batches rise
  // Over the run's tokens: steps of the plan, and of the first batch kept.
  double steps = 0, steps_of_first_batch = 0;
  std::vector<std::string> warnings;
};

// b_next = max(b, ceil(noise scale / eta^2)), the norm test of Byrd et al. 2012 (Mathematical Programming
// 134) as AdAdaGrad has it (Lau et al. 2024, arXiv 2402.11215), with tr Sigma / |G|^2 read off the recorded
// noise scales (McCandlish et al. 2018, B_simple, tokens). `tokens` are those processed at each point,
// rising; points without a noise scale above 0 change nothing. InvalidArgument for options out of range or
// columns that differ in length; FailedPrecondition where no noise scale is recorded. Pure.
absl::StatusOr<BatchPlan> PlanByNormTest(std::span<const double> tokens,
                                         std::span<const double> noise_scale_tokens,
                                         const NormTestOptions& options);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_NORM_TEST_H_
