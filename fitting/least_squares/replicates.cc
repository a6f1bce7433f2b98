// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/replicates.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>

#include "base/progress.h"

namespace sextant::fitting::solve {
namespace {

constexpr double kSameObjective = 1e-9;  // objectives of one optimum, relative
constexpr double kTolerance =
    1e-11;  // of an objective: parameters are then exact to 1e-5 of their standard errors
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kBlock = 32;  // replicates between checks for cancellation

class ReplicateSolver {
 public:
  ReplicateSolver(Evaluator& evaluator, const Objective& objective, const std::vector<double>& estimate,
                  bool convex)
      : polisher_(evaluator, objective), estimate_(estimate), convex_(convex) {}

  Polished Solve(bool& contested) {
    polisher_.SetTolerance(kTolerance);
    polisher_.SetKnown(kNone);
    best_ = polisher_.Polish(estimate_);
    if (convex_ && best_.converged) return best_;
    // Out of the found minimum through a wider loss and back; twice the same answer settles it.
    const bool huber = polisher_.objective().loss == LossKind::kHuber;
    const bool agreed = huber ? Try(best_.walked, 10) && Try(best_.walked, 3) : Try(Moved(0.5), 1);
    contested = !agreed;
    if (agreed && best_.converged) return best_;
    Try(Moved(0.5), 1);
    Try(best_.walked, 5);
    Try(Moved(-0.5), 1);
    Try(Moved(1), 30);
    Try(Moved(0.25), 2);
    Try(Moved(2), 1);
    return best_;
  }

 private:
  // Beyond the best point so far, away from the estimate.
  std::vector<double> Moved(double share) const {
    std::vector<double> point = best_.walked;
    for (std::size_t i = 0; i < point.size(); ++i) point[i] += share * (point[i] - estimate_[i]);
    return point;
  }

  // True if this start ended at the best optimum so far.
  bool Try(const std::vector<double>& start, double widening) {
    const double before = best_.value;
    if (best_.converged) polisher_.SetKnown(before);
    Polished found = widening > 1 ? polisher_.PolishWidened(start, widening) : polisher_.Polish(start);
    if (found.joined) return true;
    const bool same = std::abs(found.value - before) <= kSameObjective * std::max(std::abs(before), 1e-300);
    // Better, or as good and converged where the best is not.
    if (found.value < before || (found.converged && !best_.converged && same)) best_ = std::move(found);
    return same;
  }

  Polisher polisher_;
  const std::vector<double>& estimate_;
  bool convex_;
  Polished best_;
};

}  // namespace

absl::Status FitReplicates(const Evaluator& evaluator, const Objective& objective, const Resampler& resampler,
                           const std::vector<double>& estimate, bool convex, int count, const StopCheck& stop,
                           const std::function<void(int done, int total)>& progress, ReplicateFits& fits) {
  const std::size_t k = evaluator.dimension();
  const auto total = static_cast<std::size_t>(count);
  fits.walked.assign(total * k, 0.0);
  fits.objective.assign(total, 0.0);
  std::vector<char> unconverged(total, 0), contested(total, 0);
  std::atomic<bool> stopped{false};
  std::atomic<int> done{0};
  const ProgressPhase phase("replicates", count);
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, (total + kBlock - 1) / kBlock, 1),
                    [&](const auto& range) {
                      const std::unique_ptr<Evaluator> own = evaluator.Clone();
                      Resample resample;
                      for (std::size_t block = range.begin(); block < range.end(); ++block) {
                        if (stopped.load(std::memory_order_relaxed) || !stop().ok()) {
                          stopped = true;
                          return;
                        }
                        const std::size_t end = std::min(total, (block + 1) * kBlock);
                        for (std::size_t r = block * kBlock; r < end; ++r) {
                          resampler.Draw(r, resample);
                          if (!resample.observed.empty()) own->SetObserved(resample.observed);
                          if (resample.observed.empty()) own->SetWeights(resample.weights);
                          ReplicateSolver solver(*own, objective, estimate, convex);
                          bool disputed = false;
                          const Polished best = solver.Solve(disputed);
                          std::copy(best.walked.begin(), best.walked.end(),
                                    fits.walked.begin() + static_cast<std::ptrdiff_t>(r * k));
                          fits.objective[r] = best.value;
                          unconverged[r] = !best.converged;
                          contested[r] = disputed;
                        }
                        const int finished = done += static_cast<int>(end - block * kBlock);
                        if (progress) progress(finished, count);
                        phase.Add(static_cast<std::int64_t>(end - block * kBlock));
                      }
                    });
  if (stopped) return stop();
  fits.unconverged = static_cast<int>(std::count(unconverged.begin(), unconverged.end(), 1));
  fits.contested = static_cast<int>(std::count(contested.begin(), contested.end(), 1));
  return absl::OkStatus();
}

}  // namespace sextant::fitting::solve
