// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), in pieces or at once, as raw bytes and as text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sextant {

/// SHA-256 in pieces. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void Add(std::string_view bytes);
  /// The 32 bytes of the digest. Call once.
  std::string Digest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The 32 bytes of the digest of `bytes`.
std::string Sha256Of(std::string_view bytes);
/// The same as 64 hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);
/// Lower-case hexadecimal of any bytes.
std::string Hex(std::string_view bytes);

}  // namespace sextant
