// SPDX-License-Identifier: Apache-2.0
// The page's files, built into the program.
#pragma once

#include <string_view>

namespace sextant::server::http {

struct PageFile {
  std::string_view content_type, text;
};

/// Null when there is none. "/" is always there: without the page it says how to build it.
const PageFile* FindPageFile(std::string_view path);

}  // namespace sextant::server::http
