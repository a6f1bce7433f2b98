// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/flag_terms.h"

#include <utility>

namespace sextant::cli {
namespace {

// The service's words (fitting/variables.cc, fitting/predict.cc, …) and the command line's.
constexpr std::pair<const char*, const char*> kTerms[] = {
    {"give params and tokens", "give --params and --tokens"},
    {"give params or ", "give --params or "},
    {"give tokens or ", "give --tokens or "},
    {"give batch_size_tokens", "give --batch-size-tokens"},
    {"give loss_nats", "give --loss"},
    {"give a schedule", "give --schedule"},
    {"(max_extrapolation)", "(--max-extrapolation)"},
    {"estimator parametric ties", "--estimator parametric ties"},
    {"or the law kaplan-bcrit", "or --law kaplan-bcrit"},
    {"with a filter, as optimizer = adam", "with a filter, as --where 'optimizer = adam'"},
    {"Declare it (UpdateStudy)", "Declare it (`sextant studies declare`)"},
    {"calls it (columns)", "calls it (--map VARIABLE=NAME)"},
    {"as a table (table, columns)", "as a table (--table FILE --map VARIABLE=COLUMN)"},
    {"which it is (columns)", "which it is (--map VARIABLE=COLUMN)"},
    {"columns they are (batch, steps)", "columns they are (--batch, --steps)"},
    {"stand in: CreateFit makes one", "stand in: `sextant fits create` makes one"},
    {"(SuggestRuns)", "(`sextant suggest`)"},
    {"(EstimateCriticalBatch)", "(`sextant critical-batch estimate`)"},
};

}  // namespace

std::string InFlagTerms(std::string text) {
  for (const auto& [field, flag] : kTerms) {
    for (std::size_t at = text.find(field); at != std::string::npos; at = text.find(field, at)) {
      text.replace(at, std::string(field).size(), flag);
      at += std::string(flag).size();
    }
  }
  for (std::size_t at = text.find("at["); at != std::string::npos; at = text.find("at[", at + 1)) {
    const std::size_t end = text.find(']', at);
    const bool is_word = at == 0 || text[at - 1] == ' ';
    if (!is_word || end == std::string::npos) continue;
    text.replace(at, end - at + 1, "--at " + text.substr(at + 3, end - at - 3) + "=NUMBER");
  }
  return text;
}

}  // namespace sextant::cli
