#include "server/convert/run.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <charconv>
#include <cmath>
#include <vector>

#include "base/sha256.h"
#include "server/convert/curve.h"
#include "server/convert/study.h"
#include "server/convert/text.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"

namespace sextant::server {
namespace {

static_assert(static_cast<int>(fitting::RunState::kCrashed) == v1::CRASHED);

// The quantities of a run in both forms. The loss has rules of its own.
struct Quantity {
  const char* field;
  double storage::Run::*value;
  bool (v1::Run::*has)() const;
  double (v1::Run::*get)() const;
  void (v1::Run::*set)(double);
  bool zero_allowed;
};
#define SEXTANT_QUANTITY(name, zero_allowed) \
  { #name, &storage::Run::name, &v1::Run::has_##name, &v1::Run::name, &v1::Run::set_##name, zero_allowed }
constexpr Quantity kQuantities[] = {
    SEXTANT_QUANTITY(params_non_embedding, false),
    SEXTANT_QUANTITY(params_total, false),
    SEXTANT_QUANTITY(params_active, false),
    SEXTANT_QUANTITY(params_non_input_embedding, false),
    SEXTANT_QUANTITY(tokens, false),
    SEXTANT_QUANTITY(learning_rate, false),
    SEXTANT_QUANTITY(batch_size_tokens, false),
    SEXTANT_QUANTITY(sequence_length, false),
    SEXTANT_QUANTITY(steps, false),
    SEXTANT_QUANTITY(warmup_steps, true),
    SEXTANT_QUANTITY(weight_decay, true),
    SEXTANT_QUANTITY(adam_beta1, true),
    SEXTANT_QUANTITY(adam_beta2, true),
    SEXTANT_QUANTITY(min_learning_rate, true),
    SEXTANT_QUANTITY(flops, false),
};
#undef SEXTANT_QUANTITY

std::string CountField(storage::ParamCount count) {
  switch (count) {
    case storage::ParamCount::kTotal:
      return "params_total";
    case storage::ParamCount::kNonInputEmbedding:
      return "params_non_input_embedding";
    case storage::ParamCount::kActive:
      return "params_active";
    default:
      return "params_non_embedding";
  }
}

void ReadQuantities(const v1::Run& message, const storage::Study& study, storage::Run& run,
                    std::vector<FieldViolation>& violations) {
  const std::string count = CountField(study.param_count);
  for (const Quantity& quantity : kQuantities) {
    if (!(message.*quantity.has)()) {
      if (quantity.field == count) {
        violations.push_back({quantity.field, absl::StrCat("missing: the study counts parameters as ",
                                                           ParamCountText(study.param_count))});
      } else if (quantity.value == &storage::Run::tokens) {
        violations.push_back({quantity.field, "missing"});
      }
      continue;
    }
    const double value = (message.*quantity.get)();
    const bool fine = std::isfinite(value) && (value > 0 || (quantity.zero_allowed && value == 0));
    if (fine) {
      run.*quantity.value = value;
    } else {
      violations.push_back(
          {quantity.field, absl::StrFormat("%g is not a %s finite number", value,
                                           quantity.zero_allowed ? "non-negative" : "positive")});
    }
  }
}

void ReadLoss(const v1::Run& message, storage::Run& run, std::vector<FieldViolation>& violations) {
  if (!message.has_loss_nats()) return;
  run.loss = message.loss_nats();
  if (!std::isfinite(run.loss)) {
    run.state = fitting::RunState::kDiverged;
  } else if (run.loss <= 0) {
    violations.push_back({"loss_nats", absl::StrFormat("%g is not a positive number", run.loss)});
  }
}

void ReadText(const v1::Run& message, storage::Run& run, std::vector<FieldViolation>& violations) {
  CheckText("schedule", message.schedule(), kMaxRunTextBytes, violations);
  CheckText("optimizer", message.optimizer(), kMaxRunTextBytes, violations);
  CheckText("source", message.source(), kMaxRunSourceBytes, violations);
  CheckTextMap("tags", message.tags(), kMaxLabels, kMaxLabelKeyBytes, kMaxTagValueBytes, violations);
  if (static_cast<std::size_t>(message.labels_size()) > kMaxLabels) {
    violations.push_back({"labels", absl::StrCat("more than ", kMaxLabels)});
  }
  for (const std::string& label : message.labels()) CheckText("labels", label, kMaxRunTextBytes, violations);
  run.schedule = message.schedule();
  run.optimizer = message.optimizer();
  run.source = message.source();
  run.tags = {message.tags().begin(), message.tags().end()};
  run.labels = {message.labels().begin(), message.labels().end()};
}

// Everything but where the run came from, in a form that does not depend on the order of maps.
std::string ContentId(const v1::Run& message) {
  v1::Run content = message;
  content.clear_source();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    content.SerializeToCodedStream(&coded);
  }
  return "run-" + Sha256Hex(bytes).substr(0, 16);
}

void ReadId(const v1::Run& message, const storage::Study& study, storage::Run& run,
            std::vector<FieldViolation>& violations) {
  run.study_id = study.id;
  if (!message.name().empty()) {
    const auto name = ParseRunName(message.name());
    if (!name || name->study != study.id) {
      violations.push_back(
          {"name", absl::StrCat("not of the form ", RunName(study.id, "RUN"), "; ", kRunIdRule)});
    } else if (!message.run_id().empty() && message.run_id() != name->id) {
      violations.push_back({"run_id", "differs from the name"});
    } else {
      run.id = name->id;
    }
  } else if (message.run_id().empty()) {
    run.id = ContentId(message);
  } else if (IsRunId(message.run_id())) {
    run.id = message.run_id();
  } else {
    violations.push_back({"run_id", kRunIdRule});
  }
}

// Which part of a long curve the message brings.
void ReadPart(const v1::Run& message, storage::EncodedRun& result, std::vector<FieldViolation>& violations) {
  result.curve_begin = message.curve_begin();
  result.curve_length = message.curve_length();
  const std::int64_t points = message.curve().step_size();
  if (result.curve_begin < 0) violations.push_back({"curve_begin", "negative"});
  if (result.curve_begin != 0 && points == 0)
    violations.push_back({"curve", "empty: a continuation brings points"});
  if (message.has_curve_length() &&
      (result.curve_length < 0 || result.curve_length - points < result.curve_begin))
    violations.push_back({"curve_length", "less than the points up to the end of this message"});
  if (message.has_curve_length() && message.name().empty() && message.run_id().empty())
    violations.push_back({"run_id", "missing: messages of one curve need the run's id"});
}

}  // namespace

void RunToProto(const storage::Run& run, v1::Run& message) {
  message.set_name(RunName(run.study_id, run.id));
  for (const Quantity& quantity : kQuantities) {
    const double value = run.*quantity.value;
    if (!std::isnan(value)) (message.*quantity.set)(value);
  }
  // A diverged run's loss may be NaN; that it diverged says so.
  if (!std::isnan(run.loss)) message.set_loss_nats(run.loss);
  message.set_state(static_cast<v1::RunState>(run.state));
  message.set_schedule(run.schedule);
  message.set_optimizer(run.optimizer);
  if (run.seed) message.set_seed(*run.seed);
  for (const auto& [key, value] : run.tags) (*message.mutable_tags())[key] = value;
  for (const std::string& label : run.labels) message.add_labels(label);
  message.set_source(run.source);
  message.set_run_id(run.id);
  SetTime(run.create_time, *message.mutable_create_time());
  SetTime(run.update_time, *message.mutable_update_time());
  message.set_curve_point_count(static_cast<int>(run.curve_points));
}

absl::StatusOr<storage::EncodedRun> RunFromProto(v1::Run& message, const storage::Study& study) {
  storage::EncodedRun result;
  std::vector<FieldViolation> violations;
  ReadId(message, study, result.run, violations);
  ReadPart(message, result, violations);
  if (result.curve_begin == 0 || result.curve_length != 0) {
    if (!v1::RunState_IsValid(message.state())) {
      violations.push_back({"state", absl::StrCat("unknown value ", message.state())});
    } else if (message.state() != v1::RUN_STATE_UNSPECIFIED) {
      result.run.state = static_cast<fitting::RunState>(message.state());
    }
    ReadQuantities(message, study, result.run, violations);
    ReadLoss(message, result.run, violations);
    ReadText(message, result.run, violations);
    if (message.has_seed()) result.run.seed = message.seed();
  }
  storage::CurveView curve;
  if (message.has_curve()) curve = CurveFromProto(*message.mutable_curve(), violations);
  if (!violations.empty()) return InvalidFields(violations);
  result.curve = storage::EncodedCurve(curve);
  return result;
}

SourceLine SplitSource(const std::string& source) {
  const std::size_t colon = source.rfind(':');
  if (colon == std::string::npos || colon + 1 == source.size()) return {source, 0};
  int line = 0;
  const char* end = source.data() + source.size();
  const auto [stop, error] = std::from_chars(source.data() + colon + 1, end, line);
  if (error != std::errc() || stop != end || line < 0) return {source, 0};
  return {source.substr(0, colon), line};
}

}  // namespace sextant::server
