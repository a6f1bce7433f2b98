// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/report/run_record.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <cmath>

#include "clients/trainer/model/counts.h"
#include "clients/trainer/model/schedule.h"

namespace sextant::trainer {
namespace {

std::string Quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&out, absl::StrFormat("\\u%04x", c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Number(double value, int digits) {
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  return absl::StrFormat("%.*g", digits, value);
}

std::string Column(const char* name, const std::vector<double>& values, int digits) {
  if (values.empty()) return "";
  std::string out = absl::StrCat(",\"", name, "\":[");
  for (size_t i = 0; i < values.size(); ++i)
    absl::StrAppend(&out, i == 0 ? "" : ",", Number(values[i], digits));
  return out + "]";
}

std::string CurveJson(const RunRecord& record) {
  const Curve& curve = record.curve;
  std::string steps;
  std::string tokens;
  std::vector<double> rates;
  for (const int64_t step : curve.step) {
    absl::StrAppend(&steps, steps.empty() ? "" : ",", step);
    absl::StrAppend(&tokens, tokens.empty() ? "" : ",", record.run.TokensAt(step));
    rates.push_back(record.run.RateAt(step - 1));
  }
  return absl::StrCat("{\"step\":[", steps, "],\"tokens\":[", tokens, "]",
                      Column("train_loss", curve.train_loss, 6),
                      Column("validation_loss", curve.validation_loss, 7), Column("learning_rate", rates, 5),
                      Column("gradient_noise_scale", curve.gradient_noise_scale, 5), "}");
}

const char* Name(const RunSpec& run) {
  const Schedule& schedule = run.schedule;
  if (run.role != RunRole::kAlone && schedule.decay_steps == 0) return "constant";
  if (schedule.kind == ScheduleKind::kWsd) return "wsd";
  return schedule.kind == ScheduleKind::kLinear ? "linear" : "cosine";
}

// What a branch came from and what it cost beside the trunk; nothing for a run on its own.
std::string BranchTags(const RunSpec& run, double flops_per_token) {
  if (run.role == RunRole::kAlone) return "";
  const char* role = run.role == RunRole::kTrunk     ? "trunk"
                     : run.role == RunRole::kHorizon ? "horizon"
                                                     : "batch";
  std::string tags = absl::StrCat(",\"branch\":\"", role, "\"");
  if (run.role == RunRole::kTrunk) return tags;
  absl::StrAppend(&tags, ",\"parent\":", Quote(run.from.parent), ",\"branch_step\":\"", run.from.step,
                  "\",\"branch_tokens\":\"", run.from.tokens, "\",\"flops_own\":\"",
                  absl::StrFormat("%.9g", flops_per_token * static_cast<double>(run.own_tokens())),
                  "\",\"flops_trunk_share\":\"",
                  absl::StrFormat("%.9g", flops_per_token * run.from.shared_tokens), "\"");
  return tags;
}

// Runs whose rate has not fallen, or whose batch changed, do not lie on a law of those whose has: they come
// in labelled, so that fits leave them out.
std::string Labels(const RunSpec& run) {
  if (run.role == RunRole::kTrunk)
    return R"(,"labels":["excluded","excluded: a trunk, whose rate never falls"])";
  if (run.role == RunRole::kBatch) return R"(,"labels":["excluded","excluded: a branch to another batch"])";
  return "";
}

}  // namespace

std::string ToJson(const RunRecord& record) {
  const RunSpec& run = record.run;
  const ParameterCounts counts = CountParameters(run.shape);
  const FlopsPerToken flops = CountFlopsPerToken(run.shape);
  const auto tokens = static_cast<double>(run.tokens());
  std::string out = absl::StrCat("{\"run_id\":", Quote(run.run_id));
  absl::StrAppend(&out, ",\"params_non_embedding\":", counts.non_embedding,
                  ",\"params_total\":", counts.total, ",\"tokens\":", run.tokens());
  absl::StrAppend(&out, ",\"learning_rate\":", Number(run.settings.learning_rate, 12),
                  ",\"batch_size_tokens\":", run.batch_size_tokens(),
                  ",\"sequence_length\":", run.shape.sequence_length);
  absl::StrAppend(&out, ",\"steps\":", run.schedule.steps, ",\"warmup_steps\":", run.schedule.warmup_steps,
                  ",\"loss_nats\":", Number(record.loss_nats, 8), ",\"state\":", Quote(record.state));
  absl::StrAppend(&out, ",\"schedule\":", Quote(Name(run)),
                  ",\"weight_decay\":", Number(run.settings.weight_decay, 12),
                  ",\"seed\":", run.settings.seed, ",\"flops\":", Number(flops.exact() * tokens, 12));
  absl::StrAppend(&out, ",\"tags\":{\"d_model\":\"", run.shape.d_model, "\",\"layers\":\"", run.shape.layers,
                  "\",\"heads\":\"", run.shape.heads(), "\",\"ffn_hidden\":\"", run.shape.ffn_hidden,
                  "\",\"vocab\":\"", run.shape.vocab, "\"");
  absl::StrAppend(&out, ",\"data_seed\":\"", run.settings.data_seed, "\",\"bytes_per_token\":\"",
                  absl::StrFormat("%.6g", record.bytes_per_token), "\",\"flops_6nd\":\"",
                  absl::StrFormat("%.9g", flops.six_n_non_embedding * tokens), "\",\"flops_6nd_total\":\"",
                  absl::StrFormat("%.9g", flops.six_n_total * tokens), "\",\"flops_attention_full\":\"",
                  absl::StrFormat("%.9g", (flops.matrices + flops.attention_full) * tokens), "\"");
  absl::StrAppend(&out, ",\"fused_runs\":\"", record.fused_runs, "\",\"pack_seconds\":\"",
                  absl::StrFormat("%.4g", record.seconds), "\",\"device\":", Quote(record.device),
                  ",\"sweep\":", Quote(record.sweep), BranchTags(run, flops.exact()), "}", Labels(run));
  absl::StrAppend(&out, ",\"curve\":", CurveJson(record), "}");
  return out;
}

}  // namespace sextant::trainer
