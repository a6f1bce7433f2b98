// SPDX-License-Identifier: Apache-2.0
// The page of clients/web as it was built: one HTML file that holds its style and its script.
#pragma once

#include <string_view>

namespace sextant::server::http {

/// Empty where the program was built without it.
std::string_view PageText();

}  // namespace sextant::server::http
