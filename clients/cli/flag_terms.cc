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
    {"as a table (table, columns)", "as a table (--table FILE --map VARIABLE=COLUMN)"},
    {"which it is (columns)", "which it is (--map VARIABLE=COLUMN)"},
    {"columns they are (batch, steps)", "columns they are (--batch, --steps)"},
    {"stand in: CreateFit makes one", "stand in: `sextant fits create` makes one"},
    {"(SuggestRuns)", "(`sextant suggest`)"},
    {"(EstimateCriticalBatch)", "(`sextant critical-batch estimate`)"},
};

// The same around a name.
struct NamedTerm {
  const char *before, *after, *flag_before, *flag_after;
};
constexpr NamedTerm kNamedTerms[] = {
    {"(UpdateStudy: ", ")", "(`sextant studies declare STUDY --variable ", ":UNIT`)"},
    {"(columns[", "])", "(--map ", "=NAME)"},
    {"give at[", "]", "give --at ", "=NUMBER"},
    {"or at[", "]", "or --at ", "=NUMBER"},
};

}  // namespace

std::string InFlagTerms(std::string text) {
  for (const auto& [field, flag] : kTerms) {
    for (std::size_t at = text.find(field); at != std::string::npos; at = text.find(field, at)) {
      text.replace(at, std::string(field).size(), flag);
      at += std::string(flag).size();
    }
  }
  for (const NamedTerm& term : kNamedTerms) {
    const std::string before = term.before, after = term.after;
    for (std::size_t at = text.find(before); at != std::string::npos; at = text.find(before, at + 1)) {
      const std::size_t name = at + before.size(), end = text.find(after, name);
      if (end == std::string::npos) break;
      text.replace(at, end + after.size() - at,
                   term.flag_before + text.substr(name, end - name) + term.flag_after);
    }
  }
  return text;
}

}  // namespace sextant::cli
