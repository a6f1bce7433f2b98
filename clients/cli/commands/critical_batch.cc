// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"
#include "sextant/v1/critical_batch_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct EstimateOptions {
  std::string study, where;
  std::vector<std::string> targets, batches;
  std::optional<double> per_device, overhead, anchor;
  std::optional<std::int64_t> seed;
  bool all = false;
};

std::string WithInterval(const v1::BatchInterval& interval) {
  return FormatCount(interval.value()) + " " + FormatInterval(interval.low(), interval.high(), true);
}

// Of every cell and definition one estimate: at the lowest loss that a critical batch was found for.
void PrintSummary(const Session& session, const v1::EstimateCriticalBatchResponse& response) {
  TextTable table({{"N", true},
                   {"D", true},
                   {"DEFINITION"},
                   {"LOSS", true},
                   {"CRITICAL BATCH (TOKENS)"},
                   {"LOSSES", true}});
  int rows = 0, found = 0;
  for (const v1::CriticalBatchCell& cell : response.cells()) {
    std::map<std::string, std::vector<const v1::CriticalBatchEstimate*>> by_definition;
    for (const v1::CriticalBatchEstimate& estimate : cell.estimates()) {
      ++rows;
      by_definition[estimate.definition()].push_back(&estimate);
    }
    for (auto& [definition, estimates] : by_definition) {
      const std::size_t losses = estimates.size();
      std::erase_if(estimates, [](const auto* estimate) { return !estimate->has_batch_size_tokens(); });
      if (estimates.empty()) continue;
      ++found;
      const auto* last =
          *std::min_element(estimates.begin(), estimates.end(),
                            [](const auto* a, const auto* b) { return a->target_loss() < b->target_loss(); });
      table.Add({FormatCount(cell.params()), cell.tokens() > 0 ? FormatCount(cell.tokens()) : "all",
                 Safe(definition), last->has_target_loss() ? FormatNumber(last->target_loss()) : "",
                 WithInterval(last->batch_size_tokens()),
                 std::to_string(estimates.size()) + " of " + std::to_string(losses)});
    }
  }
  if (!table.empty()) PrintTable(session, table);
  session.Note(
      std::to_string(found) + " lines for " + std::to_string(rows) +
      " estimates: of each cell and definition the lowest loss that was answered; --all prints every one");
}

void PrintCells(const Session& session, const v1::EstimateCriticalBatchResponse& response) {
  TextTable table({{"N", true}, {"D", true}, {"DEFINITION"}, {"LOSS", true}, {"CRITICAL BATCH (TOKENS)"}});
  for (const v1::CriticalBatchCell& cell : response.cells()) {
    for (const v1::CriticalBatchEstimate& estimate : cell.estimates()) {
      table.Add({FormatCount(cell.params()), cell.tokens() > 0 ? FormatCount(cell.tokens()) : "all",
                 Safe(estimate.definition()),
                 estimate.has_target_loss() ? FormatNumber(estimate.target_loss()) : "",
                 estimate.has_batch_size_tokens() ? WithInterval(estimate.batch_size_tokens())
                                                  : "none: " + Safe(estimate.reason())});
    }
  }
  PrintTable(session, table);
}

void PrintTradeoff(const Session& session, const v1::EstimateCriticalBatchResponse& response) {
  TextTable table({{"N", true},
                   {"D", true},
                   {"BATCH", true},
                   {"DEVICES", true},
                   {"STEPS", true},
                   {"EXTRA STEPS", true},
                   {"EXTRA COMPUTE", true}});
  for (const v1::CriticalBatchCell& cell : response.cells()) {
    for (const v1::TradeoffRow& row : cell.tradeoff()) {
      table.Add({FormatCount(cell.params()), cell.tokens() > 0 ? FormatCount(cell.tokens()) : "all",
                 FormatCount(row.batch_size_tokens()), row.has_devices() ? FormatNumber(row.devices()) : "",
                 FormatCount(row.steps().value()),
                 FormatNumber(100 * row.extra_steps_share().value(), 3) + " %",
                 FormatNumber(100 * row.extra_compute_share().value(), 3) + " %"});
    }
  }
  if (table.empty()) return;
  std::fputs("\nThe trade at the target loss (hyperbola), over the fewest steps and the fewest tokens\n\n",
             stdout);
  PrintTable(session, table);
}

void PrintLossLaw(const char* definition, const v1::CriticalBatchLossLaw& law) {
  const std::string text = "  against the loss (" + std::string(definition) +
                           "): B_star / L^(1/alpha) with B_star = " + WithInterval(law.b_star()) +
                           ", alpha = " + FormatNumber(law.alpha().value()) + " " +
                           FormatInterval(law.alpha().low(), law.alpha().high(), false) + "\n";
  std::fputs(text.c_str(), stdout);
}

void PrintLaws(const v1::EstimateCriticalBatchResponse& response) {
  std::fputs("\nAcross sizes and horizons\n", stdout);
  for (const v1::CriticalBatchScaling& law : response.scaling()) {
    if (law.evidence().empty()) continue;
    std::fputs(("  " + Safe(law.definition()) + ": " + (law.law().empty() ? "" : Safe(law.law()) + ". ") +
                Safe(law.evidence()) + "\n")
                   .c_str(),
               stdout);
  }
  if (response.has_noise_scale_law()) PrintLossLaw("noise-scale", response.noise_scale_law());
  if (response.has_loss_law()) {
    PrintLossLaw("hyperbola", response.loss_law());
  } else if (!response.loss_law_reason().empty()) {
    std::fputs(("  against the loss (hyperbola): " + Safe(response.loss_law_reason()) + "\n").c_str(),
               stdout);
  }
}

// Warnings that several cells share are said once.
void NoteCellWarnings(Session& session, const v1::EstimateCriticalBatchResponse& response) {
  std::vector<std::pair<std::string, std::string>> said;  // warning, cells
  for (const v1::CriticalBatchCell& cell : response.cells()) {
    const std::string name =
        FormatCount(cell.params()) + (cell.tokens() > 0 ? "/" + FormatCount(cell.tokens()) : "");
    for (const std::string& warning : cell.warnings()) {
      const auto found =
          std::find_if(said.begin(), said.end(), [&](const auto& line) { return line.first == warning; });
      if (found == said.end()) {
        said.emplace_back(warning, name);
      } else {
        found->second += ", " + name;
      }
    }
  }
  for (const auto& [warning, cells] : said) session.Note("N/D " + cells + ": " + Safe(warning));
}

template <class Add>
int AddNumbers(const Session& session, const std::vector<std::string>& texts, const char* flag, Add add) {
  for (const std::string& text : texts) {
    const auto value = ParseNumber(text);
    if (!value) return session.FailUsage(std::string(flag) + " takes a number, not '" + Safe(text) + "'");
    add(*value);
  }
  return kExitOk;
}

int RunEstimate(Session& session, const EstimateOptions& options) {
  const OutputFormat format = session.globals().output;
  if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    return session.FailUsage("the answer is no single table: use -o table, markdown, json or jsonl");
  }
  v1::EstimateCriticalBatchRequest request;
  request.set_parent(StudyName(options.study));
  request.set_filter(options.where);
  if (const int code = AddNumbers(session, options.targets, "--target-loss",
                                  [&](double value) { request.add_target_losses(value); });
      code != kExitOk) {
    return code;
  }
  if (const int code = AddNumbers(session, options.batches, "--batch-size-tokens",
                                  [&](double value) { request.add_batch_sizes_tokens(value); });
      code != kExitOk) {
    return code;
  }
  if (options.per_device) request.set_batch_per_device_tokens(*options.per_device);
  if (options.overhead) request.set_overhead(*options.overhead);
  if (options.anchor) request.set_overhead_anchor_tokens(*options.anchor);
  if (options.seed) request.set_seed(*options.seed);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::EstimateCriticalBatchResponse response;
  if (const int code =
          session.Call(&v1::CriticalBatchService::Stub::EstimateCriticalBatch, request, &response);
      code != kExitOk) {
    return code;
  }
  if (WantsJson(session)) return PrintJson(session, response);
  if (options.all) {
    PrintCells(session, response);
    PrintTradeoff(session, response);
  } else {
    PrintSummary(session, response);
  }
  PrintLaws(response);
  NoteCellWarnings(session, response);
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return FlushStdout(session);
}

}  // namespace

void AddCriticalBatch(CommandTree& tree) {
  CLI::App* noun = tree.Noun("critical-batch");
  auto options = std::make_shared<EstimateOptions>();
  CLI::App* command =
      tree.AddCommand(noun, "estimate", "measure it from a study's runs, by every definition the runs allow",
                      {"sextant critical-batch estimate --study mine",
                       "sextant critical-batch estimate --study mine --target-loss 3.0 --batch-size-tokens "
                       "1M --batch-size-tokens 4M",
                       "sextant critical-batch estimate --study mine --batch-per-device-tokens 16K -o json"});
  command->add_option("--study", options->study, "the study")->type_name("ID")->required();
  command->add_option("--where", options->where, "which runs enter; all finished ones if not given")
      ->type_name("FILTER");
  command->add_option("--target-loss", options->targets, "a loss that batches race to; may be given again")
      ->type_name("LOSS")
      ->allow_extra_args(false);
  command
      ->add_option("--batch-size-tokens", options->batches,
                   "a batch of the trade-off table; those tried if not given")
      ->type_name("TOKENS")
      ->allow_extra_args(false);
  AddNumber(command, "--batch-per-device-tokens", &options->per_device,
            "tokens per device and step: adds the number of devices");
  AddNumber(command, "--overhead", &options->overhead, "excess of steps of the overhead definition [0.2]");
  AddNumber(command, "--overhead-anchor-tokens", &options->anchor,
            "batch that the overhead definition scales from; the smallest measured if not given");
  AddWholeNumber(command, "--seed", &options->seed, 0, INT64_MAX, "of the intervals [1]");
  command->add_flag("--all", options->all,
                    "every estimate, why others are missing, and the trade at each batch");
  tree.SetRun(command, [options](Session& session) { return RunEstimate(session, *options); });
}

}  // namespace sextant::cli
