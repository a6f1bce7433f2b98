// SPDX-License-Identifier: Apache-2.0
// Loss curves: the points of one run, their cleaning, and a label that says what may be done with them.
//
// Pure functions, thread-safe, no I/O. Cleaning never fails: a curve that cannot be used comes back with a
// label and a reason, so that one bad run cannot stop a study.
#ifndef SEXTANT_FITTING_CURVE_CURVE_H_
#define SEXTANT_FITTING_CURVE_CURVE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace sextant::fitting {

// Columns of one run's curve. Each column is empty (not recorded) or as long as the longest; NaN marks a
// missing value. At least one of `step` and `tokens` must be recorded.
struct LossCurve {
  std::vector<double> step;             // optimizer steps, 1 for the first
  std::vector<double> tokens;           // tokens processed so far
  std::vector<double> train_loss;       // in the study's loss unit (nats per token unless declared)
  std::vector<double> validation_loss;  // the same unit
  std::vector<double> learning_rate;    // of that step, not the peak
  std::vector<double> gradient_noise_scale_tokens;  // B_simple of McCandlish et al. 2018, in tokens

  size_t size() const;
};

enum class CurveLabel {
  kUsable,          // lies on a smooth, slowing curve: power laws may be fitted and extrapolated
  kNotYetPowerLaw,  // no slowing down seen: still on the first plateau, or the whole curve is one fast fall
  kAbruptDrop,      // a sudden fall inside the curve (as when copying from context is learnt); the part
                    // after it may be fitted once it is long enough
  kDropInProgress,  // the sudden fall reaches the end of the curve: nothing may be extrapolated yet
  kDiverged,        // ends far above its own minimum, or with non-finite losses
  kTooShort,        // fewer usable points than CleanOptions::min_points
  kMalformed,       // columns of different lengths, no step and no tokens, or no loss at all
};
// A stable lower-case name, such as "abrupt-drop".
const char* CurveLabelName(CurveLabel label);

struct CurveQuality {
  CurveLabel label = CurveLabel::kMalformed;
  std::string reason;  // one sentence for a person
  size_t points_given = 0;
  size_t points_used = 0;               // after cleaning
  size_t non_finite = 0;                // dropped: NaN, infinite or non-positive step or loss
  size_t duplicates = 0;                // dropped: an earlier record of a step that a later record repeats
  size_t restarts = 0;                  // times the step went backwards; the later segment wins
  size_t overwritten = 0;               // points dropped because a restart covered them again
  size_t gaps = 0;                      // intervals over CleanOptions::gap_factor times the local spacing
  size_t warmup_dropped = 0;            // points at or before the end of the warm-up
  double drop_begin = 0, drop_end = 0;  // abscissa of the largest abrupt drop; 0 when there is none
  double drop_log_ratio = 0;            // ln(loss before / loss after) of that drop
  double noise = 0;                     // residual sd of ln loss about the smoothed curve
};

enum class LossColumn { kTrain, kValidation };

struct CleanOptions {
  LossColumn loss = LossColumn::kTrain;
  double warmup_steps = 0;  // points at or before this abscissa are dropped
  double smoothing = 0.01;  // half-width of the smoothing window as a share of the abscissa
  double gap_factor = 8;    // an interval that many times its neighbours' is a gap
  size_t min_points = 8;
  bool drop_diverged_tail = false;
};

// A curve with strictly increasing abscissa and finite, positive losses.
struct CleanCurve {
  std::vector<double> x;              // step where recorded, otherwise tokens
  std::vector<double> tokens;         // NaN where unknown; empty when not recorded
  std::vector<double> loss;           // as recorded
  std::vector<double> smoothed_loss;  // local log-linear smoothing of `loss`
  std::vector<double> learning_rate;  // empty when not recorded
  std::vector<double> gradient_noise_scale_tokens;
  bool x_is_step = true;
  CurveQuality quality;
};

// Sorts out restarts, duplicates, missing values and the warm-up, smooths, and labels. Linear in the number
// of points but for at most one sort; 10^6 points take tens of milliseconds.
CleanCurve Clean(const LossCurve& curve, const CleanOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_CURVE_H_
