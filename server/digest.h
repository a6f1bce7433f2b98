// SHA-256, as raw bytes and as text.
#pragma once

#include <string>

namespace sextant::server {

/// 32 bytes.
std::string Sha256(const std::string& bytes);
/// Lower-case hexadecimal of any bytes.
std::string Hex(const std::string& bytes);
/// Compares in a time that does not depend on where they differ.
bool EqualInConstantTime(const std::string& a, const std::string& b);
/// `bytes` from the system's random source, as hexadecimal.
std::string RandomHex(int bytes);

}  // namespace sextant::server
