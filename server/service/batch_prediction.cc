// SPDX-License-Identifier: Apache-2.0
#include "server/service/batch_prediction.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "server/convert/prediction.h"
#include "server/error.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Messages of one piece, counted; beyond the limit the rest is one line.
class Counted {
 public:
  void Add(const std::string& source, const std::string& text) {
    const auto found = messages_.find({source, text});
    if (found != messages_.end()) {
      ++found->second;
    } else if (messages_.size() < kMaxBatchMessages) {
      messages_.emplace(std::pair(source, text), 1);
    } else {
      ++others_;
    }
  }
  void To(google::protobuf::RepeatedPtrField<v1::CountedMessage>* out) const {
    const auto add = [out](const std::string& source, const std::string& text, int targets) {
      v1::CountedMessage& message = *out->Add();
      message.set_source(source);
      message.set_text(text);
      message.set_targets(targets);
    };
    for (const auto& [key, count] : messages_) add(key.first, key.second, count);
    if (others_ > 0) add("", "other messages", others_);
  }

 private:
  std::map<std::pair<std::string, std::string>, int> messages_;
  int others_ = 0;
};

/// Columns of one source, filled as quantities appear.
class Columns {
 public:
  Columns(v1::BatchPredictions& message, int count) : message_(message), count_(count) {}

  void Set(int at, fitting::Target target, const fitting::Quantity& quantity) {
    v1::PredictedColumn*& column = known_[target];
    if (column == nullptr) {
      fitting::LawSpec spec;
      spec.target = target;
      column = New(fitting::QuantityName(spec));
    }
    Fill(at, quantity, *column);
  }
  void SetOther(int at, const std::string& name, double value) {
    v1::PredictedColumn*& column = other_[name];
    if (column == nullptr) column = New(name);
    fitting::Quantity quantity;
    quantity.value = value;
    Fill(at, quantity, *column);
  }

 private:
  v1::PredictedColumn* New(const std::string& quantity) {
    v1::PredictedColumn& column = *message_.add_columns();
    column.set_quantity(quantity);
    column.mutable_value()->Resize(count_, kNaN);
    return &column;
  }
  void Fill(int at, const fitting::Quantity& quantity, v1::PredictedColumn& column) const {
    column.set_value(at, quantity.value);
    const auto set = [&](const std::optional<double>& value, google::protobuf::RepeatedField<double>* bound) {
      if (!value) return;
      if (bound->empty()) bound->Resize(count_, kNaN);
      bound->Set(at, *value);
    };
    set(quantity.low, column.mutable_low());
    set(quantity.high, column.mutable_high());
    set(quantity.near_optimal_low, column.mutable_near_optimal_low());
    set(quantity.near_optimal_high, column.mutable_near_optimal_high());
  }

  v1::BatchPredictions& message_;
  const int count_;
  std::map<fitting::Target, v1::PredictedColumn*> known_;
  std::map<std::string, v1::PredictedColumn*> other_;
};

/// What a fit or law says of itself, once and not at every target.
void AddStanding(const fitting::Predictor& predictor, int targets, v1::PredictBatchResponse& response) {
  const fitting::FitResult* fit = predictor.fit();
  const std::vector<std::string>& lines = fit != nullptr ? fit->warnings : predictor.law()->spec().notes;
  for (const std::string& line : lines) {
    v1::CountedMessage& message = *response.add_warnings();
    message.set_source(predictor.source());
    message.set_text(line);
    message.set_targets(targets);
  }
}

}  // namespace

BatchPrediction* BatchPrediction::Begin(Core& core, grpc::CallbackServerContext& context,
                                        const v1::PredictBatchRequest& request) {
  auto* stream = new BatchPrediction(core, context, request);
  absl::Status admitted = core.calls.Admit(context, request);
  if (admitted.ok()) {
    auto ticket = core.batches.Take(core.calls.access().CallerKey(context));
    admitted = ticket.status();
    if (ticket.ok()) stream->ticket_ = *std::move(ticket);
  }
  if (!admitted.ok()) {
    stream->Finish(ToGrpc(admitted));
    return stream;
  }
  stream->Work(&BatchPrediction::Open);
  return stream;
}

void BatchPrediction::Work(void (BatchPrediction::*work)()) {
  const absl::Status submitted = core_.heavy.Submit([this, work] { (this->*work)(); });
  if (!submitted.ok()) Finish(ToGrpc(submitted));
}

absl::Status BatchPrediction::Check() {
  const int count = request_.params_size();
  if (count == 0) return InvalidField("params", "missing: no target is given");
  if (count > kMaxBatchTargets) {
    return InvalidField("params",
                        absl::StrCat(count, " targets; at most ", kMaxBatchTargets, " in one call"));
  }
  if (request_.tokens_size() != count) {
    return InvalidField("tokens", absl::StrCat(request_.tokens_size(), " entries for ", count, " targets"));
  }
  if (request_.batch_sizes_tokens_size() != 0 && request_.batch_sizes_tokens_size() != count) {
    return InvalidField("batch_sizes_tokens",
                        absl::StrCat(request_.batch_sizes_tokens_size(), " entries for ", count, " targets"));
  }
  if (request_.studies_size() + request_.fits_size() + request_.laws_size() == 0) {
    return InvalidField("studies", "missing: name the studies, fits or laws that predict");
  }
  if (request_.has_loss_nats()) target_.loss_nats = request_.loss_nats();
  if (request_.has_max_extrapolation()) target_.max_extrapolation = request_.max_extrapolation();
  if (request_.has_interval()) target_.interval = request_.interval();
  if (request_.has_tolerance()) target_.tolerance = request_.tolerance();
  for (int i = 0; i < count; ++i) {
    fitting::PredictionTarget target = target_;
    target.params = request_.params(i);
    target.tokens = request_.tokens(i);
    if (request_.batch_sizes_tokens_size() > 0 && request_.batch_sizes_tokens(i) != 0) {
      target.batch_size_tokens = request_.batch_sizes_tokens(i);
    }
    const std::vector<std::string> problems = fitting::ValidateTarget(target);
    if (problems.empty()) continue;
    std::vector<FieldViolation> violations = Violations(problems, "target");
    for (FieldViolation& violation : violations) {
      violation.description = absl::StrCat("target ", i + 1, ": ", violation.description);
    }
    return InvalidFields(violations);
  }
  target_.brief = true;
  fits_ = core_.fits.Load();
  laws_ = core_.laws->Load();
  ASSIGN_OR_RETURN(groups_,
                   ChooseSources(request_.studies(), request_.fits(), request_.laws(), *fits_, *laws_));
  std::size_t replicates = 0;
  for (const PredictorGroup& group : groups_) {
    for (const auto& predictor : group) {
      if (predictor->fit() != nullptr) {
        replicates += static_cast<std::size_t>(predictor->fit()->bootstrap_replicates);
      }
    }
  }
  if (replicates * static_cast<std::size_t>(count) > kMaxBatchEvaluations) {
    return InvalidField("params", absl::StrCat(count, " targets over ", replicates, " replicates; at most ",
                                               kMaxBatchEvaluations / replicates,
                                               " targets are answered for these sources in one call"));
  }
  return absl::OkStatus();
}

void BatchPrediction::Open() {
  const absl::Status checked = StopExceptions([this] { return Check(); });
  if (!checked.ok()) return Finish(ToGrpc(checked));
  place_ = core_.calls.idle().Watch(context_, core_.stream_patience);
  Send();
}

void BatchPrediction::Send() {
  if (const absl::Status given_up = CheckCancelled(context_); !given_up.ok()) return Finish(ToGrpc(given_up));
  if (next_ >= request_.params_size()) {
    if (answered_) return Finish(grpc::Status::OK);
    return Finish(ToGrpc(UnmetPrecondition("ANSWER_WITHHELD", "prediction",
                                           "no source answers at any of the targets; the pieces say why")));
  }
  const absl::Status made = StopExceptions([this] {
    response_.Clear();
    const int first = next_, count = std::min(kBatchPiece, request_.params_size() - first);
    response_.set_first(first);
    response_.set_count(count);
    Counted warnings, unanswered;
    fitting::PredictionTarget target = target_;
    for (const PredictorGroup& group : groups_) {
      v1::BatchPredictions& message = *response_.add_predictions();
      message.mutable_extrapolation_params()->Resize(count, kNaN);
      message.mutable_extrapolation_tokens()->Resize(count, kNaN);
      Columns columns(message, count);
      fitting::Prediction prediction;
      for (int i = 0; i < count; ++i) {
        target.params = request_.params(first + i);
        target.tokens = request_.tokens(first + i);
        target.batch_size_tokens.reset();
        if (request_.batch_sizes_tokens_size() > 0 && request_.batch_sizes_tokens(first + i) != 0) {
          target.batch_size_tokens = request_.batch_sizes_tokens(first + i);
        }
        prediction = fitting::Prediction();
        for (const auto& predictor : group) predictor->Predict(target, prediction);
        for (const auto& [quantity, value] : prediction.quantities) columns.Set(i, quantity, value);
        for (const auto& [name, value] : prediction.other) columns.SetOther(i, name, value);
        answered_ = answered_ || !prediction.quantities.empty() || !prediction.other.empty();
        message.set_extrapolation_params(i, prediction.extrapolation_params);
        message.set_extrapolation_tokens(i, prediction.extrapolation_tokens);
        for (const std::string& warning : prediction.warnings) warnings.Add(group.front()->source(), warning);
        for (const fitting::Withheld& withheld : prediction.withheld) {
          unanswered.Add(withheld.source, absl::StrCat(withheld.quantity, ": ", withheld.reason));
        }
      }
      for (const auto& predictor : group) {
        if (predictor->fit() != nullptr) {
          message.add_fits(predictor->source());
        } else {
          message.add_laws(predictor->source());
        }
        if (first == 0) AddStanding(*predictor, request_.params_size(), response_);
      }
    }
    warnings.To(response_.mutable_warnings());
    unanswered.To(response_.mutable_unanswered());
    next_ += count;
    return absl::OkStatus();
  });
  if (!made.ok()) return Finish(ToGrpc(made));
  StartWrite(&response_);
}

void BatchPrediction::OnWriteDone(bool ok) {
  if (!ok) return Finish(grpc::Status::CANCELLED);  // the client is gone
  place_->Touch();
  Work(&BatchPrediction::Send);
}

}  // namespace sextant::server
