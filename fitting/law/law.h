// SPDX-License-Identifier: Apache-2.0
// A compiled law: what evaluates one, over a point or over columns, with derivatives.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fitting/law/law_spec.h"

namespace sextant::fitting {

/// When to derive a law's gradient and curvature, which only fits need: at once, so that an expression whose
/// derivatives grow too large is refused, or at the first Bind, for laws that are known to compile (a process
/// that loads a hundred and fits one starts in two thirds of the time).
enum class Derivatives : std::uint8_t { kNow, kWhenNeeded };

/// A law compiled for evaluation. Immutable after Compile; safe to share between threads.
/// Variables and parameters are addressed by their index in `spec().variables` and `.parameters`.
class Law {
 public:
  /// Parses and compiles. InvalidArgument points at the column of the expression and says what is wrong
  /// (unknown name, too deep, too long, …).
  static absl::StatusOr<std::shared_ptr<const Law>> Compile(LawSpec spec,
                                                            Derivatives derivatives = Derivatives::kNow);

  virtual ~Law() = default;
  virtual const LawSpec& spec() const = 0;

  /// The published values, in order; NaN where a parameter has none.
  std::vector<double> PublishedParameters() const;

  /// One value. No domain checks beyond IEEE: the result may be NaN or infinite.
  virtual double Evaluate(std::span<const double> variables, std::span<const double> parameters) const = 0;

  /// True for a law that sums over a learning-rate schedule: Evaluate answers NaN and Bind nullptr. Use
  /// EvaluateOnSchedule and BoundLaw::BindOnSchedules.
  virtual bool needs_schedule() const { return false; }
  /// One value on a schedule: learning_rate[i] is the rate of step i. NaN unless needs_schedule().
  virtual double EvaluateOnSchedule(std::span<const double> learning_rate, std::span<const double> variables,
                                    std::span<const double> parameters) const;

  /// Index of a variable or parameter; nullopt if the law has none of that name.
  std::optional<std::size_t> VariableIndex(const std::string& name) const;
  std::optional<std::size_t> ParameterIndex(const std::string& name) const;
};

/// A law bound to columns of data: what a solver evaluates again and again. One thread at a time;
/// make one per thread with the same columns (the columns are shared, not copied).
class BoundLaw {
 public:
  /// `columns[v]` holds variable v at every point; all of one length; must outlive this object.
  static std::unique_ptr<BoundLaw> Bind(std::shared_ptr<const Law> law,
                                        std::vector<std::span<const double>> columns);
  /// A law that sums over a schedule, at steps[i] of learning_rates[schedule_of[i]]. `steps` must outlive the
  /// result; the schedules need not. nullptr if the law needs no schedule or an index is out of range.
  static std::unique_ptr<BoundLaw> BindOnSchedules(std::shared_ptr<const Law> law,
                                                   std::span<const double> steps,
                                                   const std::vector<std::span<const double>>& learning_rates,
                                                   std::vector<std::uint32_t> schedule_of);
  virtual ~BoundLaw() = default;
  virtual std::size_t points() const = 0;

  /// value[i] = law at point i.
  virtual void Values(std::span<const double> parameters, std::span<double> value) = 0;
  /// Also jacobian[p * points + i] = d value[i] / d parameter p (natural, untransformed parameters).
  virtual void ValuesAndJacobian(std::span<const double> parameters, std::span<double> value,
                                 std::span<double> jacobian) = 0;
  /// log(value) and its derivatives, through log-sum-exp where the law is a sum of positive terms, so that
  /// nothing overflows on the way.
  virtual void LogValuesAndJacobian(std::span<const double> parameters, std::span<double> log_value,
                                    std::span<double> jacobian) = 0;

  /// Parameters p <= q whose second derivative of the value is not zero by form, in the order of `second`
  /// below; nullopt when this law offers no second derivatives. A set of parameters with no pair between
  /// its members enters the law affinely: the solver reads that from here too.
  virtual std::optional<std::vector<std::pair<std::size_t, std::size_t>>> SecondDerivativePairs() const {
    return std::nullopt;
  }
  /// As LogValuesAndJacobian, and second[k * points + i] = (d2 value[i] / dp dq) / value[i] for pair k:
  /// relative to the value, so that nothing overflows. Called only when SecondDerivativePairs() has a value.
  virtual void LogValuesAndSecondDerivatives(std::span<const double> /*parameters*/,
                                             std::span<double> /*log_value*/, std::span<double> /*jacobian*/,
                                             std::span<double> /*second*/) {}
  /// From now on evaluates only these points, in this order (points() becomes rows.size(); indices are into
  /// the columns given to Bind, repeats allowed). A resample then pays for the points it drew alone.
  /// Returns false, changing nothing, where a law cannot; must cost less than one evaluation.
  virtual bool SelectPoints(std::span<const std::uint32_t> /*rows*/) { return false; }
};

/// The laws that ship: every *.toml of a folder, compiled. Immutable after Load; thread-safe.
class Catalogue {
 public:
  /// Reads `folder`. Errors name the file. Two files with one id are refused.
  static absl::StatusOr<std::shared_ptr<const Catalogue>> Load(const std::string& folder);
  /// The same from texts that are in memory: (name for messages, TOML).
  static absl::StatusOr<std::shared_ptr<const Catalogue>> FromTexts(
      const std::vector<std::pair<std::string, std::string>>& texts,
      Derivatives derivatives = Derivatives::kNow);
  /// Laws in order of id.
  const std::map<std::string, std::shared_ptr<const Law>>& laws() const { return laws_; }
  std::shared_ptr<const Law> Find(const std::string& id) const;  ///< nullptr if absent

 private:
  std::map<std::string, std::shared_ptr<const Law>> laws_;
};

}  // namespace sextant::fitting
