#include "server/digest.h"

#include <absl/strings/escaping.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <random>

namespace sextant::server {

std::string Sha256(const std::string& bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

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
