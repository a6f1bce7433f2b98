// SPDX-License-Identifier: Apache-2.0
#include "server/daemon/man_page.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

namespace sextant::server {
namespace {

// Text that roff takes for text: a dash may be broken or turned into a hyphen, a dot at the start is a
// request.
std::string Roff(const std::string& text) {
  std::string escaped = absl::StrReplaceAll(
      text, {{"\\", "\\e"}, {"-", "\\-"}, {"\n.", "\n\\&."}, {"\n'", "\n\\&'"}, {"\xE2\x80\xA6", "..."}});
  if (!escaped.empty() && (escaped[0] == '.' || escaped[0] == '\'')) escaped.insert(0, "\\&");
  return escaped;
}

void AddOptions(const CLI::App& app, std::string& page) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    std::string head = option->get_name(option->get_positional(), true);
    if (option->get_positional() && !option->nonpositional()) head = option->get_name(true);
    head = absl::StrReplaceAll(head, {{",", ", "}, {"!", ""}, {"{false}", ""}});
    std::string value = option->get_expected_max() == 0 ? "" : option->get_type_name();
    if (option->get_positional()) value.clear();
    absl::StrAppend(&page, ".TP\n\\fB", Roff(head), "\\fR", value.empty() ? "" : " \\fI", Roff(value),
                    value.empty() ? "" : "\\fR", "\n", Roff(option->get_description()));
    if (!option->get_default_str().empty()) {
      absl::StrAppend(&page, " [", Roff(option->get_default_str()), "]");
    }
    page += '\n';
  }
}

void AddExamples(const std::vector<std::string>& examples, std::string& page) {
  if (examples.empty()) return;
  page += ".nf\n";
  for (const std::string& line : examples) absl::StrAppend(&page, Roff(line), "\n");
  page += ".fi\n";
}

}  // namespace

std::string ManPage(const std::string& name, int section, const std::string& date, const std::string& version,
                    const std::vector<ManPart>& parts, const std::vector<std::string>& see_also) {
  const ManPart& first = parts.front();
  std::string summary = first.app->get_description();
  if (!summary.empty() && summary.back() == '.') summary.pop_back();
  std::string page =
      absl::StrCat(".TH ", absl::AsciiStrToUpper(name), " ", section, " ", date, " \"Sextant ", version,
                   "\" \"Sextant\"\n.SH NAME\n", Roff(name), " \\- ", Roff(summary), "\n.SH SYNOPSIS\n\\fB",
                   Roff(first.words), "\\fR [options]", parts.size() > 1 ? " command ..." : "", "\n");
  if (!first.examples.empty()) {
    page += ".SH EXAMPLES\n";
    AddExamples(first.examples, page);
  }
  page += ".SH OPTIONS\n";
  AddOptions(*first.app, page);
  if (!first.app->get_footer().empty()) absl::StrAppend(&page, ".PP\n", Roff(first.app->get_footer()), "\n");
  if (parts.size() > 1) page += ".SH COMMANDS\n";
  for (std::size_t i = 1; i < parts.size(); ++i) {
    absl::StrAppend(&page, ".SS \"", Roff(parts[i].words), "\"\n", Roff(parts[i].app->get_description()),
                    "\n.PP\n");
    AddExamples(parts[i].examples, page);
    AddOptions(*parts[i].app, page);
  }
  if (!see_also.empty()) {
    page += ".SH SEE ALSO\n";
    for (std::size_t i = 0; i < see_also.size(); ++i) {
      absl::StrAppend(&page, i == 0 ? "" : ", ", Roff(see_also[i]));
    }
    page += '\n';
  }
  return page;
}

}  // namespace sextant::server
