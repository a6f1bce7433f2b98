// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/metric_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

struct Quantity {
  const char* word;
  Metric metric;
};
constexpr Quantity kQuantities[] = {{"train_loss", Metric::kTrainLoss},
                                    {"validation_loss", Metric::kValidationLoss},
                                    {"learning_rate", Metric::kLearningRate},
                                    {"gradient_noise_scale", Metric::kGradientNoiseScale},
                                    {"tokens", Metric::kTokens},
                                    {"samples", Metric::kSamples},
                                    {"ignore", Metric::kIgnored},
                                    {"train_bits_per_byte", Metric::kTrainBits},
                                    {"validation_bits_per_byte", Metric::kValidationBits},
                                    {"train_perplexity", Metric::kTrainPerplexity},
                                    {"validation_perplexity", Metric::kValidationPerplexity},
                                    {"flops", Metric::kFlops},
                                    {"gigaflops", Metric::kGigaflops}};

// First match wins, so that units come before splits.
constexpr MetricName kTable[] = {{"*val*bpb*", Metric::kValidationBits},
                                 {"*eval*bpb*", Metric::kValidationBits},
                                 {"*bpb*", Metric::kTrainBits},
                                 {"*val*ppl*", Metric::kValidationPerplexity},
                                 {"*validation*PPL*", Metric::kValidationPerplexity},
                                 {"*val*erplexity*", Metric::kValidationPerplexity},
                                 {"*ppl*", Metric::kTrainPerplexity},
                                 {"*erplexity*", Metric::kTrainPerplexity},
                                 {"*vs samples", Metric::kIgnored},
                                 {"train/loss", Metric::kTrainLoss},
                                 {"loss", Metric::kTrainLoss},
                                 {"train_loss", Metric::kTrainLoss},
                                 {"train_loss_nats", Metric::kTrainLoss},
                                 {"training_loss", Metric::kTrainLoss},
                                 {"lm loss", Metric::kTrainLoss},
                                 {"lm-loss-training/lm loss", Metric::kTrainLoss},
                                 {"lm_loss", Metric::kTrainLoss},
                                 {"lm-loss", Metric::kTrainLoss},
                                 {"train/lm_loss", Metric::kTrainLoss},
                                 {"loss_metrics/global_avg_loss", Metric::kTrainLoss},
                                 {"trl", Metric::kTrainLoss},
                                 {"train/CrossEntropyLoss", Metric::kTrainLoss},
                                 {"train/CE loss", Metric::kTrainLoss},
                                 {"train/cross_entropy_loss", Metric::kTrainLoss},
                                 {"Loss/train", Metric::kTrainLoss},
                                 {"loss/train", Metric::kTrainLoss},
                                 {"train_loss_step", Metric::kTrainLoss},
                                 {"train/loss_step", Metric::kTrainLoss},
                                 {"loss_step", Metric::kTrainLoss},
                                 {"train_loss_epoch", Metric::kTrainLoss},
                                 {"train/loss_epoch", Metric::kTrainLoss},
                                 {"loss_epoch", Metric::kTrainLoss},
                                 {"train_mean_nll", Metric::kTrainLoss},
                                 {"train/mean_nll", Metric::kTrainLoss},
                                 {"eval/loss", Metric::kValidationLoss},
                                 {"eval_loss", Metric::kValidationLoss},
                                 {"val/loss", Metric::kValidationLoss},
                                 {"val_loss", Metric::kValidationLoss},
                                 {"val_loss_nats", Metric::kValidationLoss},
                                 {"validation/loss", Metric::kValidationLoss},
                                 {"validation_loss", Metric::kValidationLoss},
                                 {"valid_loss", Metric::kValidationLoss},
                                 {"valid/loss", Metric::kValidationLoss},
                                 {"val_loss_epoch", Metric::kValidationLoss},
                                 {"val/loss_epoch", Metric::kValidationLoss},
                                 {"Loss/val", Metric::kValidationLoss},
                                 {"Loss/validation", Metric::kValidationLoss},
                                 {"loss/val", Metric::kValidationLoss},
                                 {"validation_metrics/loss", Metric::kValidationLoss},
                                 {"validation/lm_loss", Metric::kValidationLoss},
                                 // The validation set that OLMo's ladder and in-loop evaluations are read on.
                                 {"eval/c4_en-validation/CrossEntropyLoss", Metric::kValidationLoss},
                                 {"eval/lm/c4_en-validation/CE loss", Metric::kValidationLoss},
                                 {"test/nll", Metric::kValidationLoss},
                                 {"tel", Metric::kValidationLoss},
                                 {"lm loss validation", Metric::kValidationLoss},
                                 {"lm loss value", Metric::kValidationLoss},
                                 {"lm-loss-validation/lm loss validation", Metric::kValidationLoss},
                                 {"learning_rate", Metric::kLearningRate},
                                 {"learning-rate", Metric::kLearningRate},
                                 {"learning rate", Metric::kLearningRate},
                                 {"lr", Metric::kLearningRate},
                                 {"lr-*", Metric::kLearningRate},
                                 {"train/lr", Metric::kLearningRate},
                                 {"train/learning_rate", Metric::kLearningRate},
                                 {"learning-rate/learning-rate", Metric::kLearningRate},
                                 {"optim/learning_rate", Metric::kLearningRate},
                                 {"optim/learning_rate_group0", Metric::kLearningRate},
                                 {"optim/LR", Metric::kLearningRate},
                                 {"optim/LR (group 0)", Metric::kLearningRate},
                                 {"gradient_noise_scale", Metric::kGradientNoiseScale},
                                 {"*/gradient_noise_scale", Metric::kGradientNoiseScale},
                                 {"throughput/total_tokens", Metric::kTokens},
                                 {"num_input_tokens_seen", Metric::kTokens},
                                 {"train/num_input_tokens_seen", Metric::kTokens},
                                 {"throughput/total tokens", Metric::kTokens},
                                 {"ntokens_seen", Metric::kTokens},
                                 {"n_tokens_seen", Metric::kTokens},
                                 {"tokens_seen", Metric::kTokens},
                                 {"train/tokens_seen", Metric::kTokens},
                                 {"total_tokens", Metric::kTokens},
                                 {"consumed_tokens", Metric::kTokens},
                                 {"tokens", Metric::kTokens},
                                 {"train/tokens", Metric::kTokens},
                                 {"total_flos", Metric::kFlops},
                                 {"throughput/total_gflops", Metric::kGigaflops},
                                 {"throughput/total_training_Gflops", Metric::kGigaflops},
                                 {"consumed samples", Metric::kSamples},
                                 {"consumed-samples", Metric::kSamples},
                                 {"consumed_samples", Metric::kSamples}};

}  // namespace

absl::StatusOr<MetricRule> ParseMetricRule(const std::string& text) {
  // Names may hold '='; quantities do not.
  const std::size_t equals = text.rfind('=');
  if (equals != std::string::npos && equals > 0) {
    const std::string word = text.substr(equals + 1);
    for (const Quantity& quantity : kQuantities) {
      if (word == quantity.word) return MetricRule{text.substr(0, equals), quantity.metric};
    }
  }
  std::string words;
  for (const Quantity& quantity : kQuantities)
    absl::StrAppend(&words, words.empty() ? "" : ", ", quantity.word);
  return absl::InvalidArgumentError(
      absl::StrCat("--metric ", Quoted(text), " is not NAME=QUANTITY; quantities: ", words));
}

bool GlobMatches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

const char* QuantityWord(Metric metric) {
  for (const Quantity& quantity : kQuantities) {
    if (quantity.metric == metric) return quantity.word;
  }
  return "";
}

KnownMetric FindMetric(const std::vector<MetricRule>& overrides, absl::Span<const MetricName> names,
                       std::string_view name) {
  constexpr std::size_t kMaxNameBytes = 512;
  if (name.size() > kMaxNameBytes) return {};
  int preference = 0;
  for (const MetricRule& rule : overrides) {
    if (GlobMatches(rule.glob, name)) return {rule.metric, preference};
    ++preference;
  }
  // Members of nested objects are joined by dots: {"train": {"loss": 3}} is train/loss to the table.
  std::string slashed(name);
  std::replace(slashed.begin(), slashed.end(), '.', '/');
  constexpr int kBehindAllOthers = 1'000'000;
  if (slashed.find("epoch") != std::string::npos) preference += kBehindAllOthers;
  for (const absl::Span<const MetricName> table : {names, absl::Span<const MetricName>(kTable)}) {
    for (const MetricName& entry : table) {
      if (GlobMatches(entry.glob, slashed)) return {entry.metric, preference};
      ++preference;
    }
  }
  return {};
}

}  // namespace sextant::importers
