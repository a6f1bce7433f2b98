// SPDX-License-Identifier: Apache-2.0
#include "server/access/access.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "base/sha256.h"
#include "server/access/call_context.h"
#include "server/caller_peer.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/names.h"
#include "server/secret.h"

namespace sextant::server {
namespace {

constexpr std::size_t kMinTokenBytes = 16, kMaxTokenBytes = 4096;
constexpr char kScheme[] = "Bearer ";
constexpr char kTokenPrefix[] = "sxt_";  // names the kind of secret to scanners of repositories

// The id in a token of the database; empty for other tokens.
std::string IdInToken(const std::string& token) {
  const std::size_t begin = sizeof(kTokenPrefix) - 1;
  if (!absl::StartsWith(token, kTokenPrefix)) return "";
  const std::size_t end = token.find('_', begin);
  return end == std::string::npos ? "" : token.substr(begin, end - begin);
}

const char* ScopeName(storage::TokenScope scope) {
  switch (scope) {
    case storage::kScopeRead:
      return "read";
    case storage::kScopeWrite:
      return "write";
    case storage::kScopeAdmin:
      break;
  }
  return "admin";
}

absl::Status NotAllowed(const std::string& what, const std::string& scope) {
  return WithReason(absl::PermissionDeniedError(what), "NOT_ALLOWED", {{"scope", scope}});
}

}  // namespace

absl::StatusOr<TokenDigests> ReadTokenFile(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return absl::NotFoundError(absl::StrCat("token file ", path, " cannot be read"));
  }
  if ((status.st_mode & (S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("token file ", path, " is open to other users: chmod 600 ", path));
  }
  std::ifstream file(path);
  TokenDigests digests;
  std::string line;
  while (std::getline(file, line)) {
    const std::string token(absl::StripAsciiWhitespace(line));
    if (token.empty() || token[0] == '#') continue;
    if (token.size() < kMinTokenBytes || token.size() > kMaxTokenBytes) {
      return absl::InvalidArgumentError(absl::StrCat("token file ", path, ": a token has ", token.size(),
                                                     " bytes; use ", kMinTokenBytes, " to ", kMaxTokenBytes));
    }
    digests.push_back(Sha256Of(token));
  }
  if (digests.empty())
    return absl::InvalidArgumentError(absl::StrCat("token file ", path, " holds no token"));
  return digests;
}

std::string MakeTokenText(const std::string& id, const std::string& secret) {
  return absl::StrCat(kTokenPrefix, id, "_", secret);
}

template <typename Change>
void Access::Replace(Change change) {
  std::shared_ptr<const State> before = state_.load();
  std::shared_ptr<const State> after;
  do {
    auto made = std::make_shared<State>(*before);
    change(*made);
    made->required = !made->file.empty() || !made->stored.empty();
    after = std::move(made);
  } while (!state_.compare_exchange_weak(before, after));
}

void Access::SetFileTokens(TokenDigests digests) {
  Replace([&](State& state) { state.file = digests; });
}

void Access::SetStoredTokens(const std::vector<storage::AccessToken>& tokens) {
  Replace([&](State& state) {
    state.stored.clear();
    for (const storage::AccessToken& token : tokens) state.stored[token.id] = token;
  });
}

Access::Found Access::Find(const grpc::ServerContextBase& context) const {
  const auto* own = dynamic_cast<const CallContext*>(&context);
  if (own == nullptr) return LookUp(context);
  std::call_once(own->once_, [&] { own->found_ = LookUp(context); });
  return own->found_;
}

Access::Found Access::LookUp(const grpc::ServerContextBase& context) const {
  Found found;
  found.state = state_.load();
  if (!found.state->required) {
    found.let_in = true;
    return found;
  }
  const auto& metadata = context.client_metadata();
  const auto header = metadata.find("authorization");
  if (header == metadata.end()) return found;
  const std::string value(header->second.data(), header->second.size());
  if (value.rfind(kScheme, 0) != 0 || value.size() > kMaxTokenBytes + sizeof(kScheme)) return found;
  const std::string text = value.substr(sizeof(kScheme) - 1);
  const std::string digest = Sha256Of(text);
  for (const std::string& allowed : found.state->file) found.let_in |= EqualInConstantTime(digest, allowed);
  if (found.let_in) return found;
  // The id is no secret: it finds the digest that the secret is checked against.
  const auto stored = found.state->stored.find(IdInToken(text));
  if (stored == found.state->stored.end()) return found;
  const storage::AccessToken& token = stored->second;
  const bool lives = token.revoke_time == 0 && (token.expire_time == 0 || token.expire_time > Now());
  if (EqualInConstantTime(digest, token.digest) && lives) {
    found.let_in = true;
    found.token = &token;
  }
  return found;
}

absl::Status Access::CheckFound(const Found& found, const Rule& rule) {
  if (!found.let_in) {
    return WithReason(absl::UnauthenticatedError("this server needs a token: authorization: Bearer TOKEN"),
                      "TOKEN_REQUIRED");
  }
  const storage::AccessToken* token = found.token;
  if (token == nullptr || (token->scopes & storage::kScopeAdmin) != 0) return absl::OkStatus();
  if ((token->scopes & rule.scope) == 0) {
    return NotAllowed(absl::StrCat("this token lacks the scope '", ScopeName(rule.scope), "'"),
                      ScopeName(rule.scope));
  }
  if (rule.reach == Reach::kAll && !token->studies.empty()) {
    return NotAllowed("this token is for single studies, and that is about all of them",
                      ScopeName(rule.scope));
  }
  return absl::OkStatus();
}

absl::Status Access::CheckMethod(const grpc::ServerContextBase& context,
                                 const google::protobuf::Descriptor* request) const {
  return CheckFound(Find(context), RuleOf(request));
}

absl::Status Access::Check(const grpc::ServerContextBase& context,
                           const google::protobuf::Message& request) const {
  const Found found = Find(context);
  const Rule& rule = RuleOf(request.GetDescriptor());
  if (absl::Status status = CheckFound(found, rule); !status.ok()) return status;
  if (found.token == nullptr || found.token->studies.empty()) return absl::OkStatus();
  const std::vector<std::string>& allowed = found.token->studies;
  const std::set<std::string> named = StudiesNamedIn(request);
  const bool may = std::all_of(named.begin(), named.end(), [&](const std::string& study) {
    return (study == kPublishedStudy && rule.scope == storage::kScopeRead) ||
           std::find(allowed.begin(), allowed.end(), study) != allowed.end();
  });
  if (may && (rule.reach != Reach::kNamed || !named.empty())) return absl::OkStatus();
  // The same words whether there is such a study or not.
  return NotAllowed("this token does not open that study", ScopeName(rule.scope));
}

bool Access::MaySee(const grpc::ServerContextBase& context, const std::string& study) const {
  const Found found = Find(context);
  if (found.token == nullptr || found.token->studies.empty() || study == kPublishedStudy) return found.let_in;
  const std::vector<std::string>& allowed = found.token->studies;
  return std::find(allowed.begin(), allowed.end(), study) != allowed.end();
}

bool Access::IsLimited(const grpc::ServerContextBase& context) const {
  const Found found = Find(context);
  return found.token != nullptr && !found.token->studies.empty();
}

std::string Access::CallerKey(const grpc::ServerContextBase& context) const {
  const Found found = Find(context);
  return found.token != nullptr ? absl::StrCat("token:", found.token->id) : PeerOf(context);
}

std::string Access::CallerName(const grpc::ServerContextBase& context) const {
  const Found found = Find(context);
  if (!found.let_in) return "";
  if (found.token != nullptr) return absl::StrCat(found.token->name, " (tokens/", found.token->id, ")");
  return found.state->required ? "administrator" : "anyone";
}

}  // namespace sextant::server
