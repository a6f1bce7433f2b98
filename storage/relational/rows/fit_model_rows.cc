// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/fit_model_rows.h"

#include <absl/strings/str_cat.h>

#include <array>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/status_macros.h"

namespace sextant::storage::relational {
namespace {

using fitting::OptimumModel;

// fits.model is the place in the variant.
enum ModelKindNumber : std::int64_t {
  kNone,
  kLeastSquares,
  kCriticalBatch,
  kOtherOptimum,
  kOptimum,
  kLoss,
  kAllocation
};
template <ModelKindNumber kind, typename Model>
constexpr bool kIs = std::is_same_v<std::variant_alternative_t<kind, fitting::FitModel>, Model>;
static_assert(std::variant_size_v<fitting::FitModel> == 7 && kIs<kNone, std::monostate> &&
              kIs<kLeastSquares, fitting::LeastSquaresModel> &&
              kIs<kCriticalBatch, fitting::CriticalBatchModel> &&
              kIs<kOtherOptimum, fitting::OtherOptimumModel> && kIs<kOptimum, OptimumModel> &&
              kIs<kLoss, fitting::LossModel> && kIs<kAllocation, fitting::AllocationModel>);

template <typename Model>
auto RangesOf(Model& model) {
  return std::array{&model.params, &model.tokens, &model.learning_rate, &model.batch_size_tokens};
}

absl::Status InsertOptimum(Connection& connection, std::int64_t fit_key, const OptimumModel& model) {
  ASSIGN_OR_RETURN(auto shape, connection.Prepare("INSERT INTO fit_optima VALUES "
                                                  "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  shape.Next(fit_key).Next(static_cast<std::int64_t>(model.target));
  shape.Next(static_cast<std::int64_t>(model.variables));
  shape.Next(static_cast<std::int64_t>(model.law_parameters));
  shape.Next(static_cast<std::int64_t>(model.replicate_count)).Next(model.near_optimal_tolerance);
  for (const fitting::FittedRange* range : RangesOf(model)) shape.Next(range->low).Next(range->high);
  RETURN_IF_ERROR(shape.Run());
  ASSIGN_OR_RETURN(auto parameter,
                   connection.Prepare("INSERT INTO fit_optimum_parameters VALUES (?, ?, ?, ?)"));
  for (std::size_t i = 0; i < model.parameter_count(); ++i) {
    parameter.Next(fit_key).Next(static_cast<std::int64_t>(i));
    parameter.Next(std::string_view(model.parameter_names[i])).Next(model.estimates[i]);
    RETURN_IF_ERROR(parameter.Run());
  }
  ASSIGN_OR_RETURN(auto member, connection.Prepare("INSERT INTO fit_optimum_members VALUES (?, ?, ?, ?, ?)"));
  std::int64_t position = 0;
  for (const fitting::EstimatorWeight& each : model.members) {
    member.Next(fit_key).Next(position++).Next(std::string_view(each.estimator));
    RETURN_IF_ERROR(member.Next(each.weight).Next(each.held_out_excess_pct).Run());
  }
  return absl::OkStatus();
}

absl::Status SelectOptimum(Connection& connection, std::int64_t fit_key, OptimumModel& model,
                           std::string& damage) {
  ASSIGN_OR_RETURN(auto shape, connection.Prepare("SELECT * FROM fit_optima WHERE fit_key = ?"));
  ASSIGN_OR_RETURN(const bool found, shape.Next(fit_key).Step());
  if (!found) {
    damage = "lacks its model";
    return absl::OkStatus();
  }
  for (int column = 1; column <= 4; ++column) {
    if (shape.Int(column) < 0 || shape.Int(column) > (column <= 2 ? 255 : 1'000'000)) {
      damage = absl::StrCat("has the number ", shape.Int(column), " in its model");
      return absl::OkStatus();
    }
  }
  model.target = static_cast<fitting::OptimumTarget>(shape.Int(1));
  model.variables = static_cast<fitting::LawVariables>(shape.Int(2));
  model.law_parameters = static_cast<std::size_t>(shape.Int(3));
  model.replicate_count = static_cast<std::size_t>(shape.Int(4));
  model.near_optimal_tolerance = shape.Real(5);
  int column = 6;
  for (fitting::FittedRange* range : RangesOf(model)) {
    range->low = shape.Real(column++);
    range->high = shape.Real(column++);
  }
  ASSIGN_OR_RETURN(auto parameter,
                   connection.Prepare("SELECT name, estimate FROM fit_optimum_parameters WHERE fit_key = ? "
                                      "ORDER BY position"));
  parameter.Next(fit_key);
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, parameter.Step());
    if (!row) break;
    model.parameter_names.emplace_back(parameter.Text(0));
    model.estimates.push_back(parameter.Real(1));
  }
  ASSIGN_OR_RETURN(auto member,
                   connection.Prepare("SELECT estimator, weight, held_out_excess_pct FROM "
                                      "fit_optimum_members WHERE fit_key = ? ORDER BY position"));
  member.Next(fit_key);
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, member.Step());
    if (!row) return absl::OkStatus();
    model.members.push_back({std::string(member.Text(0)), member.Real(1), member.Real(2)});
  }
}

absl::Status InsertLoss(Connection& connection, std::int64_t fit_key, const fitting::LossModel& model) {
  ASSIGN_OR_RETURN(auto shape, connection.Prepare("INSERT INTO fit_losses VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
  shape.Next(fit_key).Next(static_cast<std::int64_t>(model.cell_best)).Next(model.runs_considered);
  shape.Next(model.noise).Next(model.held_out_error).Next(model.held_out_sd);
  RETURN_IF_ERROR(shape.Next(model.held_out_reach).Next(model.largest_scale).Run());
  ASSIGN_OR_RETURN(auto member, connection.Prepare("INSERT INTO fit_loss_members VALUES (?, ?, ?, ?, ?)"));
  std::int64_t position = 0;
  for (const fitting::LossMember& each : model.members) {
    member.Next(fit_key).Next(position++).Next(std::string_view(each.law));
    RETURN_IF_ERROR(member.Next(each.weight).Next(each.held_out_error).Run());
  }
  return absl::OkStatus();
}

absl::Status SelectLoss(Connection& connection, std::int64_t fit_key, fitting::LossModel& model,
                        std::string& damage) {
  ASSIGN_OR_RETURN(auto shape, connection.Prepare("SELECT * FROM fit_losses WHERE fit_key = ?"));
  ASSIGN_OR_RETURN(const bool found, shape.Next(fit_key).Step());
  if (!found) {
    damage = "lacks its model";
    return absl::OkStatus();
  }
  model.cell_best = shape.Int(1) != 0;
  model.runs_considered = shape.Int(2);
  model.noise = shape.Real(3);
  model.held_out_error = shape.Real(4);
  model.held_out_sd = shape.Real(5);
  model.held_out_reach = shape.Real(6);
  model.largest_scale = shape.Real(7);
  ASSIGN_OR_RETURN(auto member, connection.Prepare("SELECT law, weight, held_out_error FROM fit_loss_members "
                                                   "WHERE fit_key = ? ORDER BY position"));
  member.Next(fit_key);
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, member.Step());
    if (!row) return absl::OkStatus();
    model.members.push_back({std::string(member.Text(0)), member.Real(1), member.Real(2)});
  }
}

}  // namespace

std::int64_t ModelKind(const fitting::FitModel& model) { return static_cast<std::int64_t>(model.index()); }

absl::Status InsertFitModel(Connection& connection, std::int64_t fit_key, const fitting::FitModel& model) {
  if (const auto* loss = std::get_if<fitting::LossModel>(&model))
    return InsertLoss(connection, fit_key, *loss);
  const auto* optimum = std::get_if<OptimumModel>(&model);
  return optimum == nullptr ? absl::OkStatus() : InsertOptimum(connection, fit_key, *optimum);
}

absl::Status SelectFitModel(Connection& connection, std::int64_t fit_key, std::int64_t kind, double log_low,
                            double log_high, std::vector<double> replicates, fitting::FitResult& result,
                            std::string& damage) {
  switch (kind) {
    case kNone:
      return absl::OkStatus();
    case kLeastSquares:
      result.model = fitting::LeastSquaresModel{};
      return absl::OkStatus();
    case kCriticalBatch:
      result.model = fitting::CriticalBatchModel{};
      return absl::OkStatus();
    case kAllocation:
      result.model = fitting::AllocationModel{};
      return absl::OkStatus();
    case kOtherOptimum:
      result.model = fitting::OtherOptimumModel{log_low, log_high};
      return absl::OkStatus();
    case kOptimum: {
      auto& model = result.model.emplace<OptimumModel>();
      model.estimator = result.estimator;
      model.near_optimal_low = log_low;
      model.near_optimal_high = log_high;
      model.replicates = std::move(replicates);
      return SelectOptimum(connection, fit_key, model, damage);
    }
    case kLoss:
      return SelectLoss(connection, fit_key, result.model.emplace<fitting::LossModel>(), damage);
    default:
      damage = absl::StrCat("has a model of unknown kind ", kind);
      return absl::OkStatus();
  }
}

}  // namespace sextant::storage::relational
