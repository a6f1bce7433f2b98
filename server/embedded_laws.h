// SPDX-License-Identifier: Apache-2.0
// The law catalogue as it was when the binary was built: text, parsed at start like any other.
#pragma once

#include <string>
#include <vector>

namespace sextant::server {

struct EmbeddedLaw {
  std::string file;  ///< name in data/laws
  std::string toml;
};

const std::vector<EmbeddedLaw>& EmbeddedLaws();

}  // namespace sextant::server
