// SPDX-License-Identifier: Apache-2.0
#include "server/auth.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include <fstream>
#include <utility>

#include "base/sha256.h"
#include "server/error.h"
#include "server/secret.h"

namespace sextant::server {
namespace {

constexpr std::size_t kMinTokenBytes = 16, kMaxTokenBytes = 4096;
constexpr char kScheme[] = "Bearer ";

}  // namespace

absl::StatusOr<TokenCheck> TokenCheck::FromFile(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return absl::NotFoundError(absl::StrCat("token file ", path, " cannot be read"));
  }
  if ((status.st_mode & (S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("token file ", path, " is open to other users: chmod 600 ", path));
  }
  std::ifstream file(path);
  Hashes hashes;
  std::string line;
  while (std::getline(file, line)) {
    const std::string token(absl::StripAsciiWhitespace(line));
    if (token.empty() || token[0] == '#') continue;
    if (token.size() < kMinTokenBytes || token.size() > kMaxTokenBytes) {
      return absl::InvalidArgumentError(absl::StrCat("token file ", path, ": a token has ", token.size(),
                                                     " bytes; use ", kMinTokenBytes, " to ", kMaxTokenBytes));
    }
    hashes.push_back(Sha256Of(token));
  }
  if (hashes.empty()) return absl::InvalidArgumentError(absl::StrCat("token file ", path, " holds no token"));
  TokenCheck check;
  check.hashes_.store(std::make_shared<const Hashes>(std::move(hashes)));
  return check;
}

absl::Status TokenCheck::Check(const grpc::CallbackServerContext& context) const {
  const auto hashes = hashes_.load();
  if (hashes->empty()) return absl::OkStatus();
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found != metadata.end()) {
    const std::string value(found->second.data(), found->second.size());
    if (value.rfind(kScheme, 0) == 0 && value.size() <= kMaxTokenBytes + sizeof(kScheme)) {
      const std::string hash = Sha256Of(value.substr(sizeof(kScheme) - 1));
      bool known = false;
      for (const std::string& allowed : *hashes) known |= EqualInConstantTime(hash, allowed);
      if (known) return absl::OkStatus();
    }
  }
  return WithReason(absl::UnauthenticatedError("this server needs a token: authorization: Bearer TOKEN"),
                    "TOKEN_REQUIRED");
}

}  // namespace sextant::server
