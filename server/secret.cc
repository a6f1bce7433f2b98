// SPDX-License-Identifier: Apache-2.0
#include "server/secret.h"

#include <openssl/crypto.h>

#include <random>

#include "base/sha256.h"

namespace sextant::server {

bool EqualInConstantTime(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomHex(int bytes) {
  std::random_device device;
  std::string random;
  for (int i = 0; i < bytes; ++i) random += static_cast<char>(device() & 0xFF);
  return Hex(random);
}

}  // namespace sextant::server
