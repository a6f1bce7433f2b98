// SPDX-License-Identifier: Apache-2.0
// The records that the store keeps, as plain data. No proto here; the server converts.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/run_field_table.h"
#include "fitting/fit_result.h"
#include "fitting/run_table.h"

namespace sextant::storage {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// Which parameters N counts. Never interchangeable below about 1e9 (Porian et al. 2024).
enum class ParamCount : std::uint8_t { kUnspecified, kNonEmbedding, kTotal, kNonInputEmbedding, kActive };
enum class LossUnit : std::uint8_t { kUnspecified, kNatsPerToken, kNatsPerByte, kBitsPerByte, kBitsPerToken };

/// Microseconds since the Unix epoch, UTC.
using Micros = std::int64_t;

/// Who says that a run has a label. Each source replaces only what it said itself
/// (Transaction::SetRunLabels), so a label that two give stays until both have dropped it.
inline constexpr char kUploadLabels[] = "upload";  ///< what came with the run
inline constexpr char kSweepLabels[] = "sweep";    ///< what the sweep around the run says
inline constexpr char kCurveLabels[] = "curve";    ///< what the run's own curve says

struct RunLabels {
  std::string run_id;
  std::vector<std::string> labels;  ///< a set
};

/// What a study records in addition to the standard fields: one number per run. Its place in Study::declared
/// is where its value stands in Run::values.
struct DeclaredColumn {
  enum class Kind : std::uint8_t { kVariable, kMinimized, kMaximized };  ///< the last two: objectives
  Kind kind = Kind::kVariable;
  std::string name;  ///< WrongDeclaredName (base/declared_name.h) has nothing against it
  std::string unit, meaning;
  double floor = kUnknown, ceiling = kUnknown;  ///< what an objective can be at the least and the most
  bool is_objective() const { return kind != Kind::kVariable; }
};

/// The place of the column of that name; -1: the study declares none.
inline int FindDeclared(std::span<const DeclaredColumn> declared, std::string_view name) {
  for (std::size_t i = 0; i < declared.size(); ++i) {
    if (declared[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

/// Runs of one recipe. `revision` grows by one at every change; the etag is made of it.
struct Study {
  std::string id;  ///< RFC 1034 label: [a-z]([a-z0-9-]{0,61}[a-z0-9])?
  std::string title, description;
  ParamCount param_count = ParamCount::kNonEmbedding;
  LossUnit loss_unit = LossUnit::kNatsPerToken;
  std::map<std::string, std::string> labels;
  std::vector<DeclaredColumn> declared;  ///< at most kMaxDeclared; grows at its end, never changes
  Micros create_time = 0, update_time = 0;
  std::int64_t revision = 0;
  std::int64_t run_count = 0, fit_count = 0;  ///< output only
  /// Output only. No two studies of a store ever have the same, not even one that takes a deleted one's id.
  std::int64_t uid = 0;
};

/// One training run: its quantities, NaN where unknown, and what else is known of it.
struct Run : RunQuantities<double> {
  std::string study_id;
  std::string id;        ///< unique in its study: [A-Za-z0-9._~+=:@-]{1,200}
  std::string schedule;  ///< "cosine", "wsd", …
  std::string optimizer;
  std::optional<std::int64_t> seed;
  /// Of the study's declared columns, in their order, NaN where unknown; what is missing at the end is too.
  std::vector<double> values;
  fitting::RunState state = fitting::RunState::kFinished;
  std::map<std::string, std::string> tags;
  std::vector<std::string> labels;  ///< of all sources; a set, returned sorted
  std::string source;               ///< file and line, or uploader, it came from
  Micros create_time = 0, update_time = 0;
  std::int64_t curve_points = 0;  ///< output only
};

/// A run's curve as columns of one length. Columns that were not measured are empty; NaN marks a missing or
/// non-finite value. `step` counts completed optimizer updates.
struct Curve {
  std::vector<std::int64_t> step;
  std::vector<double> tokens;
  std::vector<float> train_loss, validation_loss, learning_rate, gradient_noise_scale;
  std::size_t size() const { return step.size(); }
};

/// A curve whose columns somebody else holds, and keeps as long as the view is used.
struct CurveView {
  std::span<const std::int64_t> step;
  std::span<const double> tokens;
  std::span<const float> train_loss, validation_loss, learning_rate, gradient_noise_scale;
  CurveView() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a curve is read as its view wherever one is asked for.
  CurveView(const Curve& curve)
      : step(curve.step),
        tokens(curve.tokens),
        train_loss(curve.train_loss),
        validation_loss(curve.validation_loss),
        learning_rate(curve.learning_rate),
        gradient_noise_scale(curve.gradient_noise_scale) {}
  std::size_t size() const { return step.size(); }
};

enum class FitState : std::uint8_t { kUnspecified, kRunning, kSucceeded, kFailed, kCancelled };

/// A fit and its life. `result` is meaningful when the state is kSucceeded; `error` when it is kFailed.
struct Fit {
  std::string study_id;
  std::string id;
  FitState state = FitState::kUnspecified;
  std::string law_id;
  int error_code = 0;  ///< absl::StatusCode
  std::string error;
  std::string error_reason;  ///< what programs tell errors of one code apart by; "" where none was recorded
  Micros create_time = 0, end_time = 0;
  fitting::FitResult result;
  /// Why the stored result cannot be computed with ("has 0 law parameters …"); empty when it can. Set by
  /// reading alone; a damaged fit is not stored again.
  std::string damage;
};

/// A number that a forecast gives, with what it says of it; NaN where it says nothing.
struct ForecastQuantity {
  std::string name;  ///< "learning_rate", "loss", …, or "other." and what a law calls it
  double value = kUnknown, low = kUnknown, high = kUnknown;
  double near_optimal_low = kUnknown, near_optimal_high = kUnknown;
  double parameter_low = kUnknown, parameter_high = kUnknown;
};

/// What a forecast comes from: a fit by its full name, or a published law by its id.
struct ForecastSource {
  std::string name, law_id;
  std::string estimator, data_digest;  ///< of a fit
  std::string quantity;                ///< which of the forecast's it answers; empty: all
};

/// What became of one quantity of a forecast.
struct ForecastScore {
  enum class Verdict : std::uint8_t { kNoInterval, kInside, kOutside };
  std::string quantity, run_id;
  double actual = kUnknown;
  double error = kUnknown;  ///< ln(actual / forecast)
  double excess_loss =
      kUnknown;  ///< of rates and batches: relative, of the setting tried nearest to the forecast
  Verdict verdict = Verdict::kNoInterval;
  Micros score_time = 0;
};

/// A prediction that was stored before the run it is about. All but `seal` and `scores` is sealed
/// (storage/forecast_seal.h) and never changes.
struct Forecast {
  std::string study_id;
  std::string id;  ///< unique in its study, as fits' ids are
  Micros seal_time = 0;
  // What it was asked for. N is counted as `param_count` says, losses are in `loss_unit`.
  double params = kUnknown, tokens = kUnknown;
  double batch_size_tokens = kUnknown, learning_rate = kUnknown;  ///< that the run was to have
  double loss = kUnknown;                                         ///< of laws in L
  double interval = kUnknown, tolerance = kUnknown;
  std::map<std::string, double> at;  ///< other variables
  std::string param_count, loss_unit;
  // What was said.
  std::vector<ForecastQuantity> quantities;  ///< names differ
  std::vector<ForecastSource> sources;
  double extrapolation_params = kUnknown, extrapolation_tokens = kUnknown;
  std::string rate_kind;
  std::string version;                ///< of the program
  std::string seal;                   ///< SHA-256 of the rest, 64 hexadecimal digits
  std::vector<ForecastScore> scores;  ///< by quantity; of the last time that it was scored
};

/// How often a study's scored forecasts from one source held: of what it answers, what was stated with an
/// interval.
struct TrackRecord {
  std::string study_id;
  std::string source;     ///< ForecastSource::name
  double interval = 0.9;  ///< the coverage that they state
  std::int64_t scored = 0, inside = 0;
};

/// What a holder of a token may do; a set of these.
enum TokenScope : unsigned { kScopeRead = 1, kScopeWrite = 2, kScopeAdmin = 4 };

/// A bearer token of the service. The token itself is not kept, only its digest.
struct AccessToken {
  std::string id;                    ///< unique, never used again
  std::string name;                  ///< whose it is
  std::string digest;                ///< SHA-256 of the token, 32 bytes
  unsigned scopes = 0;               ///< TokenScope
  std::vector<std::string> studies;  ///< ids, a set; empty: all
  Micros create_time = 0;
  Micros expire_time = 0;  ///< 0: never
  Micros revoke_time = 0;  ///< 0: not revoked
};

/// A law that a user added.
struct UserLaw {
  std::string id;
  std::string toml;
  Micros create_time = 0;
};

/// Where a resumable upload stands. `next_chunk` is the first chunk not durable yet.
struct Upload {
  std::string id;
  std::string study_id;
  std::string format_digest;  ///< digest of the header that opened it; a different header is refused
  std::int64_t next_chunk = 0;
  std::int64_t accepted = 0, duplicate = 0, rejected = 0;
  bool complete = false;
  Micros create_time = 0, update_time = 0;
};

}  // namespace sextant::storage
