// SPDX-License-Identifier: Apache-2.0
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
#include "server/convert/declared.h"
#include "server/convert/run_quantities.h"
#include "server/convert/study.h"
#include "server/convert/text.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"
#include "storage/run_fields.h"

namespace sextant::server {
namespace {

static_assert(static_cast<int>(fitting::RunState::kCrashed) == v1::CRASHED);

void ReadLoss(double loss, storage::Run& run, std::vector<FieldViolation>& violations) {
  run.loss = loss;
  if (!std::isfinite(loss)) {
    run.state = fitting::RunState::kDiverged;
  } else if (loss <= 0) {
    violations.push_back({"loss_nats", absl::StrFormat("%g is not a positive number", loss)});
  }
}

void ReadQuantity(const RunQuantity& quantity, double value, storage::Run& run,
                  std::vector<FieldViolation>& violations) {
  if (quantity.rule == NumberRule::kLoss) return ReadLoss(value, run, violations);
  const bool zero_allowed = quantity.rule != NumberRule::kPositive;
  if (std::isfinite(value) && (value > 0 || (zero_allowed && value == 0))) {
    run.*quantity.value = value;
  } else {
    violations.push_back({quantity.name, absl::StrFormat("%g is not a %s finite number", value,
                                                         zero_allowed ? "non-negative" : "positive")});
  }
}

// A study that declares what it records has laws that need no N and no D.
void ReadQuantities(const v1::Run& message, const storage::Study& study, storage::Run& run,
                    std::vector<FieldViolation>& violations) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const QuantityFields& fields = RunQuantityFields();
  const auto count = storage::ParamsMember(study.param_count);
  const bool needs_scale = study.declared.empty();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const RunQuantity& quantity = kRunQuantities[i];
    if (reflection.HasField(message, fields[i])) {
      ReadQuantity(quantity, reflection.GetDouble(message, fields[i]), run, violations);
    } else if (!needs_scale) {
      continue;
    } else if (quantity.value == count) {
      violations.push_back({quantity.name, absl::StrCat("missing: the study counts parameters as ",
                                                        ParamCountText(study.param_count))});
    } else if (quantity.value == &storage::Run::tokens) {
      violations.push_back({quantity.name, "missing"});
    }
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

void RunToProto(const storage::Run& run, v1::Run& message,
                const std::vector<storage::DeclaredColumn>& declared) {
  message.set_name(RunName(run.study_id, run.id));
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const QuantityFields& fields = RunQuantityFields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    // A diverged run's loss may be NaN; that it diverged says so.
    const double value = run.*kRunQuantities[i].value;
    if (!std::isnan(value)) reflection.SetDouble(&message, fields[i], value);
  }
  ValuesToProto(run, declared, message);
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
    ReadValues(message, study, result.run, violations);
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
