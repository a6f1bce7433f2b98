// SPDX-License-Identifier: Apache-2.0
// sextant studies compare: which recipe is better, by how much compute, and whether that is noise.
#include <fmt/format.h>

#include "base/numbers.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"
#include "sextant/v1/comparison_service.grpc.pb.h"

namespace sextant::cli {
namespace {

struct StudiesCompareOptions {
  std::string baseline, candidate, baseline_where, candidate_where, floor = "shared";
  std::optional<double> exponent, baseline_speed, candidate_speed, interval;
  std::vector<std::string> budgets;
};

std::string WithInterval(const v1::Quantity& quantity, int digits = 4) {
  const auto end = [](bool has, double value) { return has ? FormatNumber(value, 3) : std::string("?"); };
  return FormatNumber(quantity.value(), digits) + "  [" + end(quantity.has_low(), quantity.low()) + ", " +
         end(quantity.has_high(), quantity.high()) + "]";
}

std::string Percentage(double share) { return FormatNumber(100 * share, 3) + " %"; }

std::string VerdictText(const v1::CompareStudiesResponse& response) {
  if (response.verdict() != "cannot-tell") return response.verdict();
  std::string text = "cannot tell";
  if (response.has_seeds_to_tell()) {
    text += fmt::format("; {} seeds of every cell would, were the multiplier as estimated",
                        response.seeds_to_tell());
  }
  if (response.has_budgets_to_tell()) {
    text += fmt::format("; so would {} further budget{} at steps of 4", response.budgets_to_tell(),
                        response.budgets_to_tell() == 1 ? "" : "s");
  }
  if (!response.has_seeds_to_tell() && !response.has_budgets_to_tell()) {
    text += "; 64 seeds of every cell would not";
  }
  return text;
}

std::string NoiseText(const v1::ComparisonNoise& noise) {
  std::string text =
      fmt::format("{} of the loss ({}, {} degrees of freedom)", Percentage(noise.relative_deviation()),
                  noise.source(), noise.degrees_of_freedom());
  if (noise.has_seed_relative_deviation()) {
    text += fmt::format("; between seeds {}", Percentage(noise.seed_relative_deviation()));
  }
  return text;
}

void PrintComparison(const Session& session, const StudiesCompareOptions& options,
                     const v1::CompareStudiesResponse& r) {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"baseline", Safe(options.baseline) +
                       fmt::format("  ({} runs, {} cells)", r.baseline().runs(), r.baseline().cells())},
      {"candidate", Safe(options.candidate) +
                        fmt::format("  ({} runs, {} cells)", r.candidate().runs(), r.candidate().cells())},
      {"compute multiplier",
       WithInterval(r.compute_multiplier()) + "  at " + FormatNumber(r.reference_flops()) + " FLOPs"}};
  if (r.has_token_multiplier()) pairs.emplace_back("token multiplier", WithInterval(r.token_multiplier()));
  if (r.has_wall_clock_multiplier())
    pairs.emplace_back("wall-clock multiplier", WithInterval(r.wall_clock_multiplier()));
  pairs.emplace_back("verdict", VerdictText(r));
  pairs.emplace_back("exponent", WithInterval(r.baseline().exponent(), 3) + " and " +
                                     WithInterval(r.candidate().exponent(), 3));
  pairs.emplace_back("floor",
                     WithInterval(r.baseline().floor()) + " and " + WithInterval(r.candidate().floor()));
  pairs.emplace_back("noise", NoiseText(r.noise()));
  std::fputs(RenderPairs(pairs, session.color_stdout()).c_str(), stdout);
}

void PrintBudgets(const Session& session, const v1::CompareStudiesResponse& r) {
  TextTable table({{"FLOPS", true},
                   {"PARAMETERS", true},
                   {"TOKENS", true},
                   {"BASELINE", true},
                   {"CANDIDATE", true},
                   {"MULTIPLIER"}});
  for (const v1::CommonBudget& point : r.common()) {
    table.Add({FormatNumber(point.flops()), FormatCount(point.params()), FormatCount(point.tokens()),
               FormatNumber(point.baseline_loss(), 5), FormatNumber(point.candidate_loss(), 5),
               point.has_compute_multiplier() ? WithInterval(point.compute_multiplier()) : "-"});
  }
  if (!table.empty()) {
    std::fputs("\nMeasured at common budgets\n\n", stdout);
    PrintTable(session, table);
  }
  TextTable projected({{"FLOPS", true}, {"BASELINE"}, {"CANDIDATE"}, {"MULTIPLIER"}});
  for (const v1::ProjectedBudget& point : r.projections()) {
    projected.Add({FormatNumber(point.flops()), WithInterval(point.baseline_loss()),
                   WithInterval(point.candidate_loss()),
                   point.has_compute_multiplier() ? WithInterval(point.compute_multiplier()) : "-"});
  }
  if (projected.empty()) return;
  std::fputs("\nProjected by the laws\n\n", stdout);
  PrintTable(session, projected);
}

// One row a budget: measured, or projected.
void PrintDelimited(const v1::CompareStudiesResponse& r, char delimiter) {
  const auto write = [delimiter](const std::vector<std::string>& cells) {
    const std::string line = DelimitedLine(cells, delimiter);
    std::fwrite(line.data(), 1, line.size(), stdout);
  };
  write({"kind", "flops", "baseline_loss", "candidate_loss", "multiplier", "low", "high", "verdict"});
  const auto row = [&](const char* kind, double flops, double a, double b, const v1::Quantity& m,
                       const std::string& verdict) {
    write({kind, FormatRoundTrip(flops), FormatRoundTrip(a), FormatRoundTrip(b), FormatRoundTrip(m.value()),
           m.has_low() ? FormatRoundTrip(m.low()) : "", m.has_high() ? FormatRoundTrip(m.high()) : "",
           verdict});
  };
  for (const v1::CommonBudget& p : r.common()) {
    row("measured", p.flops(), p.baseline_loss(), p.candidate_loss(), p.compute_multiplier(), "");
  }
  for (const v1::ProjectedBudget& p : r.projections()) {
    row("projected", p.flops(), p.baseline_loss().value(), p.candidate_loss().value(), p.compute_multiplier(),
        "");
  }
  const double at = r.reference_flops();
  row("reference", at, r.baseline().floor().value() + r.baseline().reducible().value(),
      r.candidate().floor().value() + r.candidate().reducible().value(), r.compute_multiplier(), r.verdict());
}

int RunStudiesCompare(Session& session, const StudiesCompareOptions& options) {
  v1::CompareStudiesRequest request;
  request.set_baseline(StudyName(options.baseline));
  request.set_candidate(StudyName(options.candidate));
  request.set_baseline_filter(options.baseline_where);
  request.set_candidate_filter(options.candidate_where);
  const auto floor =
      options.floor.rfind("pinned:", 0) == 0 ? ParseNumber(options.floor.substr(7)) : std::nullopt;
  if (options.floor == "shared" || options.floor == "free") {
    request.set_floor(options.floor);
  } else if (floor) {
    request.set_floor("pinned");
    request.set_floor_value(*floor);
  } else {
    return session.FailUsage("--floor is shared, free or pinned:LOSS, not '" + Safe(options.floor) + "'");
  }
  for (const std::string& text : options.budgets) {
    const auto flops = ParseNumber(text);
    if (!flops) return session.FailUsage("--at-flops takes a number, not '" + Safe(text) + "'");
    request.add_budgets_flops(*flops);
  }
  if (options.exponent) request.set_exponent(*options.exponent);
  if (options.baseline_speed) request.set_baseline_tokens_per_second(*options.baseline_speed);
  if (options.candidate_speed) request.set_candidate_tokens_per_second(*options.candidate_speed);
  if (options.interval) request.set_interval(*options.interval);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::CompareStudiesResponse response;
  const int code = session.Call(&v1::ComparisonService::Stub::CompareStudies, request, &response);
  if (code != kExitOk) return code;
  if (WantsJson(session)) return PrintJson(session, response);
  const OutputFormat format = session.globals().output;
  if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    PrintDelimited(response, format == OutputFormat::kTsv ? '\t' : ',');
  } else {
    PrintComparison(session, options, response);
    PrintBudgets(session, response);
  }
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return FlushStdout(session);
}

}  // namespace

void AddStudiesCompare(CommandTree& tree) {
  CLI::App* noun = tree.Noun("studies");
  auto options = std::make_shared<StudiesCompareOptions>();
  CLI::App* command = tree.AddCommand(
      noun, "compare", "which of two recipes is better, by how much compute, and whether that is noise",
      {"sextant studies compare baseline candidate",
       "sextant studies compare baseline candidate --floor pinned:1.6 --exponent 0.0941 --baseline-speed "
       "433986 "
       "--candidate-speed 410000",
       "sextant studies compare mine mine --baseline-where 'tags.recipe = \"a\"' --candidate-where "
       "'tags.recipe = \"b\"'",
       "sextant studies compare baseline candidate --at-flops 1e21 --at-flops 1e23 -o json"});
  command->add_option("BASELINE", options->baseline, "the study that is compared with")->required();
  command->add_option("CANDIDATE", options->candidate, "the study that is judged")->required();
  command
      ->add_option("--baseline-where", options->baseline_where,
                   "which runs of the baseline; all finished ones if not given")
      ->type_name("FILTER");
  command->add_option("--candidate-where", options->candidate_where, "which runs of the candidate")
      ->type_name("FILTER");
  command
      ->add_option("--floor", options->floor,
                   "the loss that no compute removes: shared by both, free (one each), or pinned:LOSS")
      ->type_name("KIND")
      ->capture_default_str();
  AddNumber(command, "--exponent", &options->exponent,
            "hold the exponent of compute, as when there is but one budget");
  command
      ->add_option("--at-flops", options->budgets,
                   "project to this budget; may be given again [10 and 100 times the largest]")
      ->type_name("FLOPS")
      ->allow_extra_args(false);
  AddNumber(command, "--baseline-speed", &options->baseline_speed,
            "tokens per second, for wall-clock time [the runs' tag tokens_per_second]");
  AddNumber(command, "--candidate-speed", &options->candidate_speed, "the same of the candidate");
  AddNumber(command, "--interval", &options->interval, "coverage of the intervals [0.9]");
  tree.SetRun(command, [options](Session& session) { return RunStudiesCompare(session, *options); });
}

}  // namespace sextant::cli
