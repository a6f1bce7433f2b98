// SPDX-License-Identifier: Apache-2.0
// A law over many parameter vectors at one point: what pushes bootstrap replicates through it.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "fitting/law/law.h"

namespace sextant::fitting {

/// Evaluates a law for every replicate of its parameters. Thread-safe.
///
/// The law's columns are usually data and its parameters scalars; here they change places, so that the same
/// vector kernels serve.
class ReplicateLaw {
 public:
  /// `replicates` is row-major, count x parameters.
  ReplicateLaw(std::shared_ptr<const Law> law, std::span<const double> replicates);

  std::size_t count() const { return count_; }
  /// out[r] = law(variables; replicate r).
  void Evaluate(std::span<const double> variables, std::span<double> out) const;

 private:
  std::shared_ptr<const Law> law_;
  std::shared_ptr<const Law> exchanged_;  ///< null for laws with a built-in evaluator
  std::size_t count_;
  std::vector<std::vector<double>> columns_;  ///< [parameter][replicate]
  mutable std::mutex mutex_;                  ///< guards idle_; held for a pointer move
  mutable std::vector<std::unique_ptr<BoundLaw>> idle_;
};

}  // namespace sextant::fitting
