// SPDX-License-Identifier: Apache-2.0
// sextant suggest: the next calibration runs for a target and a budget.
#include <fmt/format.h>

#include <cmath>
#include <string>

#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/output_file.h"
#include "clients/cli/commands/sweep_text.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"
#include "sextant/v1/suggestion_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct SuggestFlags {
  std::string study, where, out, tokens_file;
  std::optional<double> params, tokens, budget, tolerance, interval;
  std::optional<std::int64_t> runs;
  std::vector<std::string> sizes, ratios;
  std::int64_t sequence_length = 1024;
};

std::string Bounds(const v1::Quantity& quantity, bool count) {
  const std::string value = count ? FormatCount(quantity.value()) : FormatNumber(quantity.value());
  return value + "  " + FormatInterval(quantity.low(), quantity.high(), count);
}

std::string ShareText(double share) { return FormatNumber(100 * share, 3) + " %"; }

void PrintSuggestion(const Session& session, const v1::SuggestRunsResponse& response) {
  TextTable table({{"PARAMETERS", true},
                   {"TOKENS", true},
                   {"LEARNING RATE", true},
                   {"BATCH (TOKENS)", true},
                   {"SEED", true},
                   {"FLOPS", true},
                   {"EXCESS LOSS AFTER", true}});
  for (const v1::SuggestedRun& run : response.runs()) {
    table.Add({FormatCount(run.params()), FormatCount(run.tokens()), FormatNumber(run.learning_rate()),
               FormatCount(run.batch_size_tokens()), std::to_string(run.seed()), FormatNumber(run.flops(), 3),
               ShareText(run.expected_excess_loss())});
  }
  if (!table.empty()) {
    PrintTable(session, table);
    std::fputs("\n", stdout);
  }
  const v1::SuggestionTarget& target = response.target();
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"at the target", "now"},
      {"learning rate", Bounds(target.before(), false)},
      {"batch (tokens)", Bounds(target.batch_before(), true)},
      {"expected excess loss", ShareText(target.expected_excess_loss_before())}};
  if (response.runs_size() > 0) {
    pairs[0].second = "now, then after these runs";
    pairs[1].second += "  ->  " + FormatInterval(target.after().low(), target.after().high(), false);
    pairs[2].second +=
        "  ->  " + FormatInterval(target.batch_after().low(), target.batch_after().high(), true);
    pairs[3].second += "  ->  " + ShareText(target.expected_excess_loss_after());
  }
  pairs.emplace_back("FLOPs", FormatNumber(response.flops()));
  std::string used = std::to_string(response.runs_used());
  if (response.runs_pending() > 0) used += fmt::format(" ({} under way)", response.runs_pending());
  pairs.emplace_back("runs used", used);
  if (!response.seed_or_size().empty()) {
    pairs.emplace_back("seed or size", response.seed_or_size() == "seed"
                                           ? "another seed says more per FLOP than a larger size"
                                           : "a larger size says more per FLOP than another seed");
  }
  std::fputs(RenderPairs(pairs, session.color_stdout()).c_str(), stdout);
  if (response.good_enough())
    std::fputs("\nGood enough: the expected excess loss is within the tolerance; no run is needed.\n",
               stdout);
}

using S = v1::SuggestedRun;

RecordColumn SuggestColumn(const char* name, double (*get)(const S&)) {
  return MakeColumn<S>(
      name, name, true, true, [get](const S& s) { return FormatNumber(get(s)); },
      [get](const S& s) { return FormatRoundTrip(get(s)); });
}

int PrintDelimitedRuns(const Session& session, const v1::SuggestRunsResponse& response) {
  RecordPrinter printer(
      session,
      {SuggestColumn("params_non_embedding", [](const S& s) { return s.params_non_embedding(); }),
       SuggestColumn("params", [](const S& s) { return s.params(); }),
       SuggestColumn("tokens", [](const S& s) { return s.tokens(); }),
       SuggestColumn("learning_rate", [](const S& s) { return s.learning_rate(); }),
       SuggestColumn("batch_size_tokens", [](const S& s) { return s.batch_size_tokens(); }),
       SuggestColumn("seed", [](const S& s) { return static_cast<double>(s.seed()); }),
       SuggestColumn("flops", [](const S& s) { return s.flops(); }),
       SuggestColumn("expected_excess_loss", [](const S& s) { return s.expected_excess_loss(); })},
      S::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const S& run : response.runs()) printer.Add(run);
  return printer.End();
}

int ParseNumbers(Session& session, const char* flag, const std::vector<std::string>& texts,
                 google::protobuf::RepeatedField<double>* numbers) {
  for (const std::string& text : texts) {
    const auto number = ParseNumber(text);
    if (!number) return session.FailUsage(std::string(flag) + " takes a number, not '" + Safe(text) + "'");
    numbers->Add(*number);
  }
  return kExitOk;
}

int RunSuggest(Session& session, const SuggestFlags& flags) {
  v1::SuggestRunsRequest request;
  request.set_study(StudyName(flags.study));
  request.set_filter(flags.where);
  request.set_target_params(*flags.params);
  request.set_target_tokens(*flags.tokens);
  request.set_budget_flops(*flags.budget);
  if (const int code = ParseNumbers(session, "--size", flags.sizes, request.mutable_sizes()); code != kExitOk)
    return code;
  if (const int code =
          ParseNumbers(session, "--tokens-per-param", flags.ratios, request.mutable_tokens_per_param());
      code != kExitOk) {
    return code;
  }
  if (flags.runs) request.set_max_runs(static_cast<std::int32_t>(*flags.runs));
  if (flags.tolerance) request.set_tolerance(*flags.tolerance);
  if (flags.interval) request.set_interval(*flags.interval);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::SuggestRunsResponse response;
  const int code = session.Call(&v1::SuggestionService::Stub::SuggestRuns, request, &response);
  if (code != kExitOk) return code;
  if (!flags.out.empty()) {
    std::vector<SweepRunText> runs;
    for (const S& run : response.runs()) {
      runs.push_back({run.params(), run.tokens(), run.learning_rate(), run.batch_size_tokens(), run.seed()});
    }
    const std::string text =
        SweepText(IdOf(flags.study) + "-next", flags.tokens_file, flags.sequence_length, runs);
    OutputFile file(flags.out);
    file.Write(text);
    if (const int closed = file.Close(session); closed != kExitOk) return closed;
    session.Note(fmt::format("{} runs for sextant-train in {}", runs.size(), Safe(flags.out)));
  }
  if (WantsJson(session)) return PrintJson(session, response);
  const OutputFormat format = session.globals().output;
  if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    if (const int printed = PrintDelimitedRuns(session, response); printed != kExitOk) return printed;
  } else {
    PrintSuggestion(session, response);
  }
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return FlushStdout(session);
}

}  // namespace

void AddSuggest(CommandTree& tree) {
  auto flags = std::make_shared<SuggestFlags>();
  CLI::App* command = tree.AddCommand(
      nullptr, "suggest", "the next calibration runs for a target and a budget",
      {"sextant suggest --study mine --target-params 7B --target-tokens 1.4T --budget-flops 1e20",
       "sextant suggest --study mine --target-params 1B --target-tokens 20B --budget-flops 1e18 --size 20M "
       "--size 50M -o csv",
       "sextant suggest --study mine --target-params 1B --target-tokens 20B --budget-flops 1e18 --out "
       "next.toml"});
  command->add_option("--study", flags->study, "the study; it may be empty")->type_name("ID")->required();
  AddNumber(command, "--target-params", &flags->params, "N of the run that is too big to tune")->required();
  AddNumber(command, "--target-tokens", &flags->tokens, "its D")->required();
  AddNumber(command, "--budget-flops", &flags->budget, "FLOPs of all suggested runs together (6 N D each)")
      ->required();
  command
      ->add_option("--size", flags->sizes,
                   "a size that runs may have; may be given again [the study's, 1/128 to 1/4 of the target]")
      ->type_name("N")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--tokens-per-param", flags->ratios,
          "tokens per parameter that runs may have; may be given again [1/4, 1 and 4 times the target's]")
      ->type_name("RATIO")
      ->allow_extra_args(false);
  AddWholeNumber(command, "--max-runs", &flags->runs, 1, 1000, "at most so many runs in this batch [20]");
  AddNumber(command, "--tolerance", &flags->tolerance,
            "expected relative excess loss that is good enough [0.0025]");
  AddNumber(command, "--interval", &flags->interval, "coverage of the intervals [0.9]");
  command->add_option("--where", flags->where, "which runs of the study count; all if not given")
      ->type_name("FILTER");
  command->add_option("--out", flags->out, "write a sweep file for sextant-train; the file must not exist")
      ->type_name("SWEEP.toml");
  command
      ->add_option("--tokens-file", flags->tokens_file, "the token file that the sweep file names [text.tok]")
      ->type_name("FILE");
  command->add_option("--sequence-length", flags->sequence_length, "of the sweep file")
      ->check(CLI::Range(std::int64_t{8}, std::int64_t{1} << 20))
      ->capture_default_str();
  tree.SetRun(command, [flags](Session& session) { return RunSuggest(session, *flags); });
}

}  // namespace sextant::cli
