// SPDX-License-Identifier: Apache-2.0
// Man pages of what --help says.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace sextant::server {

/// A part of a page: what a program or one of its commands is, and its options.
struct ManPart {
  const CLI::App* app = nullptr;
  std::string words;  ///< "sextant runs import"
  std::vector<std::string> examples;
};

/// A page in roff (man(7)): `parts[0]` is what the page is about, the others its commands. `date` is
/// YYYY-MM-DD, `see_also` names pages ("sextantd(8)").
std::string ManPage(const std::string& name, int section, const std::string& date, const std::string& version,
                    const std::vector<ManPart>& parts, const std::vector<std::string>& see_also);

}  // namespace sextant::server
