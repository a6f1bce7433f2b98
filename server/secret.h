// SPDX-License-Identifier: Apache-2.0
// Secrets: comparing them and making them.
#pragma once

#include <string>

namespace sextant::server {

/// Compares in a time that does not depend on where they differ. Thread-safe.
bool EqualInConstantTime(const std::string& a, const std::string& b);
/// `bytes` from the system's random source, as hexadecimal. Thread-safe.
std::string RandomHex(int bytes);

}  // namespace sextant::server
