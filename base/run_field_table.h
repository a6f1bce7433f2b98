// SPDX-License-Identifier: Apache-2.0
// The one table of a run's fields. The record of the store and of the importers, the columns of the database
// and what reads, writes and filters them, conversion to and from the API's messages, filters and orders, the
// columns of listings and the fields of imports follow from it. docs/run_fields.md says how to add one.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>

namespace sextant {

/// What a quantity holds that nobody told: NaN as a double, empty as an optional.
template <typename Value>
constexpr Value UnknownQuantity() {
  if constexpr (std::is_floating_point_v<Value>) return std::numeric_limits<Value>::quiet_NaN();
  return Value();
}

/// The quantities of a run; counts too are doubles (integers are exact to 2^53). `Value` is double where
/// unknown is NaN, optional<double> where a value that is not finite differs from none.
template <typename Value>
struct RunQuantities {
  Value params_non_embedding = UnknownQuantity<Value>();
  Value params_total = UnknownQuantity<Value>();
  Value params_active = UnknownQuantity<Value>();
  Value params_non_input_embedding = UnknownQuantity<Value>();
  Value tokens = UnknownQuantity<Value>();             ///< processed
  Value learning_rate = UnknownQuantity<Value>();      ///< peak
  Value batch_size_tokens = UnknownQuantity<Value>();  ///< tokens per optimizer step
  Value sequence_length = UnknownQuantity<Value>();    ///< tokens
  Value steps = UnknownQuantity<Value>();              ///< optimizer steps
  Value warmup_steps = UnknownQuantity<Value>();
  Value weight_decay = UnknownQuantity<Value>();
  Value adam_beta1 = UnknownQuantity<Value>();
  Value adam_beta2 = UnknownQuantity<Value>();
  Value min_learning_rate = UnknownQuantity<Value>();  ///< floor at the end of the schedule
  Value flops = UnknownQuantity<Value>();
  Value loss = UnknownQuantity<Value>();  ///< final, in the study's unit; not finite for a diverged run
};

/// What values a quantity takes.
enum class NumberRule {
  kPositive,     ///< finite, above zero
  kNonNegative,  ///< finite, zero or more
  kFraction,     ///< in [0, 1)
  kLoss,         ///< above zero; not finite means that the run diverged
};

/// How a field is kept and compared.
enum class FieldKind {
  kNumber,   ///< double
  kInteger,  ///< 64 bits
  kText,
  kState,  ///< compared by its name
};

/// What every field has, whether each run has it or, one day, a study declares it.
struct RunField {
  const char* name = "";    ///< in the API, on the command line and in imports
  const char* column = "";  ///< in the table `runs` of the database, and in storage::Condition
  FieldKind kind = FieldKind::kNumber;
  bool in_filters = true;  ///< of the API; the store filters and orders by all
  bool in_imports = true;  ///< a column, a key of a log or --set may supply it
  /// Other names of the same in the same unit, apart by spaces, in order of preference.
  const char* aliases = "";
};

/// How tables show a number.
enum class NumberStyle { kCount, kPlain };

/// A field that holds a number with a unit.
struct RunQuantity : RunField {
  const char* unit = "";  ///< "" for a plain number
  const char* meaning = "";
  NumberRule rule = NumberRule::kPositive;
  bool progress = false;   ///< may change while the run is running
  const char* title = "";  ///< of its column in tables
  NumberStyle style = NumberStyle::kCount;
  bool in_list = false;  ///< shown in lists unless --fields says otherwise
  double RunQuantities<double>::*value = nullptr;
  std::optional<double> RunQuantities<std::optional<double>>::*imported = nullptr;
};

namespace run_field_table {

using enum NumberRule;
using enum NumberStyle;
inline constexpr bool kFixed = false, kProgress = true, kInShow = false, kInList = true;

#define SEXTANT_MEMBER(member) &RunQuantities<double>::member, &RunQuantities<std::optional<double>>::member

// Ids of runs that name none are digests of their fields in this order: insert, but never reorder.
inline constexpr std::array kQuantities = {
    RunQuantity{{"params_non_embedding", "params_non_embedding", FieldKind::kNumber, true, true,
                 "non_embedding_params params_nonembedding num_params_non_embedding n_non_embedding"},
                "parameters",
                "without embeddings",
                kPositive,
                kFixed,
                "params non-emb",
                kCount,
                kInList,
                SEXTANT_MEMBER(params_non_embedding)},
    RunQuantity{
        {"params_total", "params_total", FieldKind::kNumber, true, true, "total_params num_params_total"},
        "parameters",
        "all",
        kPositive,
        kFixed,
        "params total",
        kCount,
        kInShow,
        SEXTANT_MEMBER(params_total)},
    RunQuantity{{"params_active", "params_active", FieldKind::kNumber, true, true, "active_params"},
                "parameters",
                "that one token passes, of a mixture of experts",
                kPositive,
                kFixed,
                "params active",
                kCount,
                kInShow,
                SEXTANT_MEMBER(params_active)},
    RunQuantity{{"params_non_input_embedding", "params_non_input_embedding"},
                "parameters",
                "all but the input embedding",
                kPositive,
                kFixed,
                "params non-input-emb",
                kCount,
                kInShow,
                SEXTANT_MEMBER(params_non_input_embedding)},
    RunQuantity{
        {"tokens", "tokens", FieldKind::kNumber, true, true, "tokens_processed total_tokens train_tokens"},
        "tokens",
        "processed in training",
        kPositive,
        kProgress,
        "tokens",
        kCount,
        kInList,
        SEXTANT_MEMBER(tokens)},
    RunQuantity{{"learning_rate", "learning_rate", FieldKind::kNumber, true, true,
                 "peak_learning_rate learning_rate_peak peak_lr max_lr lr"},
                "",
                "peak of the schedule",
                kPositive,
                kFixed,
                "learning rate",
                kPlain,
                kInList,
                SEXTANT_MEMBER(learning_rate)},
    RunQuantity{{"batch_size_tokens", "batch_size_tokens", FieldKind::kNumber, true, true,
                 "batch_size_in_tokens batch_tokens tokens_per_batch tokens_per_step"},
                "tokens",
                "per optimizer step",
                kPositive,
                kFixed,
                "batch (tokens)",
                kCount,
                kInList,
                SEXTANT_MEMBER(batch_size_tokens)},
    RunQuantity{{"sequence_length", "sequence_length", FieldKind::kNumber, true, true,
                 "seq_len seq_length context_length"},
                "tokens",
                "of one training sequence",
                kPositive,
                kFixed,
                "sequence length",
                kPlain,
                kInShow,
                SEXTANT_MEMBER(sequence_length)},
    RunQuantity{{"steps", "steps", FieldKind::kNumber, true, true, "train_steps total_steps num_steps"},
                "steps",
                "optimizer steps",
                kPositive,
                kProgress,
                "steps",
                kCount,
                kInShow,
                SEXTANT_MEMBER(steps)},
    RunQuantity{{"warmup_steps", "warmup_steps", FieldKind::kNumber, true, true, "warmup"},
                "steps",
                "until the learning rate is at its peak",
                kNonNegative,
                kFixed,
                "warm-up steps",
                kCount,
                kInShow,
                SEXTANT_MEMBER(warmup_steps)},
    RunQuantity{{"weight_decay", "weight_decay", FieldKind::kNumber, true, true, "wd"},
                "",
                "decoupled",
                kNonNegative,
                kFixed,
                "weight decay",
                kPlain,
                kInShow,
                SEXTANT_MEMBER(weight_decay)},
    RunQuantity{{"adam_beta1", "adam_beta1", FieldKind::kNumber, true, true, "beta1"},
                "",
                "decay of the first moment per step",
                kFraction,
                kFixed,
                "beta1",
                kPlain,
                kInShow,
                SEXTANT_MEMBER(adam_beta1)},
    RunQuantity{{"adam_beta2", "adam_beta2", FieldKind::kNumber, true, true, "beta2"},
                "",
                "decay of the second moment per step",
                kFraction,
                kFixed,
                "beta2",
                kPlain,
                kInShow,
                SEXTANT_MEMBER(adam_beta2)},
    RunQuantity{{"min_learning_rate", "min_learning_rate", FieldKind::kNumber, true, true, "min_lr"},
                "",
                "floor at the end of the schedule",
                kNonNegative,
                kFixed,
                "least learning rate",
                kPlain,
                kInShow,
                SEXTANT_MEMBER(min_learning_rate)},
    RunQuantity{{"flops", "flops", FieldKind::kNumber, true, true, "total_flops training_flops"},
                "FLOPs",
                "of training",
                kPositive,
                kProgress,
                "flops",
                kPlain,
                kInShow,
                SEXTANT_MEMBER(flops)},
    RunQuantity{{"loss_nats", "loss", FieldKind::kNumber, true, true,
                 "final_loss_nats val_loss_nats validation_loss_nats val_loss validation_loss eval_loss "
                 "final_loss loss"},
                "the study's",
                "final; not finite: the run diverged",
                kLoss,
                kProgress,
                "loss",
                kPlain,
                kInList,
                SEXTANT_MEMBER(loss)},
};
#undef SEXTANT_MEMBER

// What is no quantity. `labels` and `tags.KEY` are lists, with rules of their own everywhere.
inline constexpr std::array kOthers = {
    RunField{"run_id", "id", FieldKind::kText, true, true, "run run_name id ID Name"},
    RunField{"schedule", "schedule", FieldKind::kText, true, true, "lr_schedule"},
    RunField{"optimizer", "optimizer", FieldKind::kText},
    RunField{"state", "state", FieldKind::kState, true, true, "status State"},
    RunField{"seed", "seed", FieldKind::kInteger, true, true, "random_seed"},
    RunField{"source", "source", FieldKind::kText, true, false},
    RunField{"curve_point_count", "curve_points", FieldKind::kInteger, true, false},
    RunField{"create_time", "create_time", FieldKind::kInteger, false, false},
    RunField{"update_time", "update_time", FieldKind::kInteger, false, false},
};

}  // namespace run_field_table

inline constexpr const auto& kRunQuantities = run_field_table::kQuantities;

/// Quantities, then the others.
inline constexpr auto kRunFields = [] {
  std::array<RunField, run_field_table::kQuantities.size() + run_field_table::kOthers.size()> fields;
  std::size_t at = 0;
  for (const RunField& quantity : run_field_table::kQuantities) fields[at++] = quantity;
  for (const RunField& other : run_field_table::kOthers) fields[at++] = other;
  return fields;
}();

/// The entry of a member. Looks through the table, as the next function does: neither is for loops over runs.
constexpr const RunQuantity& QuantityOf(double RunQuantities<double>::*value) {
  for (const RunQuantity& quantity : kRunQuantities) {
    if (quantity.value == value) return quantity;
  }
  return kRunQuantities.front();  // every member has an entry: a test counts them
}

/// nullptr if there is none of that name.
constexpr const RunQuantity* FindRunQuantity(std::string_view name) {
  for (const RunQuantity& quantity : kRunQuantities) {
    if (name == quantity.name) return &quantity;
  }
  return nullptr;
}

}  // namespace sextant
