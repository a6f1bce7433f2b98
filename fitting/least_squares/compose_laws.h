// SPDX-License-Identifier: Apache-2.0
// The weighted geometric mean of several laws, as one law.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <vector>

#include "fitting/law/law_spec.h"

namespace sextant::fitting {

/// exp(w_a log(A) + w_b log(B) + …) over the variables of the first law. Parameters: the weights in order of
/// the laws, `w_chinchilla` for loss-chinchilla; then those of each law, `chinchilla_E`. Id, title and notes
/// are the caller's. InvalidArgument, naming the law: one by a built-in evaluator, other variables or another
/// quantity than the first's, or more parameters or text than a law may have.
absl::StatusOr<LawSpec> ComposeLaws(std::span<const LawSpec* const> laws);

/// Whether both have the same variables in the same order.
bool SameVariables(const LawSpec& a, const LawSpec& b);

}  // namespace sextant::fitting
