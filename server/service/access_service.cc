// SPDX-License-Identifier: Apache-2.0
#include "server/service/access_service.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/sha256.h"
#include "base/status_macros.h"
#include "server/convert/text.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/page_token.h"
#include "server/secret.h"

namespace sextant::server {
namespace {

constexpr char kTokens[] = "tokens/";
constexpr int kTokenIdBytes = 6, kTokenSecretBytes = 24;  // random; as hexadecimal twice as long
constexpr std::size_t kMaxOwnerBytes = 100;
constexpr int kMaxStudiesOfToken = 100;
constexpr std::size_t kMaxTokens = 10'000;  // revoked ones too: they are kept for the audit log
constexpr int kDefaultTokenPage = 200, kMaxTokenPage = 1000;

std::string TokenName(const std::string& id) { return kTokens + id; }

void TokenToProto(const storage::AccessToken& token, v1::AccessToken& proto) {
  proto.set_name(TokenName(token.id));
  proto.set_owner(token.name);
  if ((token.scopes & storage::kScopeRead) != 0) proto.add_scopes(v1::SCOPE_READ);
  if ((token.scopes & storage::kScopeWrite) != 0) proto.add_scopes(v1::SCOPE_WRITE);
  if ((token.scopes & storage::kScopeAdmin) != 0) proto.add_scopes(v1::SCOPE_ADMIN);
  for (const std::string& study : token.studies) proto.add_studies(StudyName(study));
  SetTime(token.create_time, *proto.mutable_create_time());
  if (token.expire_time != 0) SetTime(token.expire_time, *proto.mutable_expire_time());
  if (token.revoke_time != 0) SetTime(token.revoke_time, *proto.mutable_revoke_time());
}

absl::StatusOr<storage::AccessToken> TokenFromProto(const v1::AccessToken& proto, storage::Micros now) {
  storage::AccessToken token;
  std::vector<FieldViolation> violations;
  CheckText("token.owner", proto.owner(), kMaxOwnerBytes, violations);
  if (proto.owner().empty()) violations.push_back({"token.owner", "missing: say whose the token is"});
  token.name = proto.owner();
  for (const int scope : proto.scopes()) {
    switch (scope) {
      case v1::SCOPE_READ:
        token.scopes |= storage::kScopeRead;
        break;
      case v1::SCOPE_WRITE:
        token.scopes |= storage::kScopeWrite;
        break;
      case v1::SCOPE_ADMIN:
        token.scopes |= storage::kScopeAdmin;
        break;
      default:
        violations.push_back({"token.scopes", "is read, write or admin"});
    }
  }
  if (proto.scopes().empty()) violations.push_back({"token.scopes", "missing: read, write or admin"});
  if (proto.studies_size() > kMaxStudiesOfToken) {
    violations.push_back({"token.studies", absl::StrCat("at most ", kMaxStudiesOfToken)});
  }
  std::set<std::string> studies;
  for (const std::string& name : proto.studies()) {
    if (const auto id = ParseStudyName(name)) {
      studies.insert(*id);
    } else {
      violations.push_back({"token.studies", "not of the form studies/STUDY"});
      break;
    }
  }
  token.studies.assign(studies.begin(), studies.end());
  if (!studies.empty() && (token.scopes & storage::kScopeAdmin) != 0) {
    violations.push_back({"token.studies", "an administrator is one of all studies: leave it empty"});
  }
  if (proto.has_expire_time()) {
    const auto& time = proto.expire_time();
    constexpr std::int64_t kYear9999 = 253'402'300'799;
    if (time.seconds() <= now / 1'000'000 || time.seconds() > kYear9999) {
      violations.push_back({"token.expire_time", "is not in the future"});
    } else {
      token.expire_time = time.seconds() * 1'000'000;
    }
  }
  if (!violations.empty()) return InvalidFields(violations);
  token.create_time = now;
  return token;
}

}  // namespace

grpc::ServerUnaryReactor* AccessService::CreateToken(grpc::CallbackServerContext* context,
                                                     const v1::CreateTokenRequest* request,
                                                     v1::CreateTokenResponse* response) {
  return core_.calls.OffloadAsync(
      context, *request, [this, request, response](Finish finish) -> absl::Status {
        ASSIGN_OR_RETURN(auto token, TokenFromProto(request->token(), Now()));
        token.id = RandomHex(kTokenIdBytes);
        const std::string secret = MakeTokenText(token.id, RandomHex(kTokenSecretBytes));
        token.digest = Sha256Of(secret);
        Commit(
            core_.writer, "token", TokenName(token.id),
            [this, token](storage::Transaction& transaction) -> absl::Status {
              ASSIGN_OR_RETURN(const auto tokens, transaction.ListTokens());
              const bool managed = core_.access.has_file_tokens() || !tokens.empty();
              if (!managed && (token.scopes & storage::kScopeAdmin) == 0) {
                return UnmetPrecondition("FIRST_TOKEN", "token",
                                         "from the first token on every caller needs one, so it must be an "
                                         "administrator's: give the "
                                         "scope admin, or start the server with --token-file");
              }
              if (tokens.size() >= kMaxTokens) {
                return QuotaExceeded(
                    "TOKEN_LIMIT", "tokens",
                    absl::StrCat("there are ", tokens.size(), " tokens, revoked ones counted"), 0);
              }
              return transaction.PutToken(token);
            },
            [this, token, secret, response, finish = std::move(finish)](const absl::Status& status) {
              if (!status.ok()) return finish(status);
              TokenToProto(token, *response->mutable_token());
              response->set_secret(secret);
              finish(core_.ReadTokens());
            });
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AccessService::ListTokens(grpc::CallbackServerContext* context,
                                                    const v1::ListTokensRequest* request,
                                                    v1::ListTokensResponse* response) {
  return core_.calls.Offload(context, *request, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto size, PageSize(request->page_size(), kDefaultTokenPage, kMaxTokenPage));
    ASSIGN_OR_RETURN(const auto after, ReadPageToken({"ListTokens"}, request->page_token()));
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    ASSIGN_OR_RETURN(const auto tokens, snapshot->ListTokens());
    std::string last;
    for (const storage::AccessToken& token : tokens) {
      if (token.id <= after) continue;
      if (response->tokens_size() == size) {
        response->set_next_page_token(MakePageToken({"ListTokens"}, last));
        break;
      }
      TokenToProto(token, *response->add_tokens());
      last = token.id;
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AccessService::RevokeToken(grpc::CallbackServerContext* context,
                                                     const v1::RevokeTokenRequest* request,
                                                     v1::AccessToken* response) {
  return core_.calls.OffloadAsync(
      context, *request, [this, request, response](Finish finish) -> absl::Status {
        if (!absl::StartsWith(request->name(), kTokens))
          return InvalidField("name", "not of the form tokens/TOKEN");
        Commit(
            core_.writer, "token", request->name(),
            [request, response](storage::Transaction& transaction) -> absl::Status {
              ASSIGN_OR_RETURN(auto tokens, transaction.ListTokens());
              const auto found = std::find_if(tokens.begin(), tokens.end(), [&](const auto& token) {
                return TokenName(token.id) == request->name();
              });
              if (found == tokens.end()) return MissingResource("token", request->name());
              if (found->revoke_time == 0) found->revoke_time = Now();
              response->Clear();
              TokenToProto(*found, *response);
              return transaction.PutToken(*found);
            },
            [this, finish = std::move(finish)](const absl::Status& status) {
              finish(status.ok() ? core_.ReadTokens() : status);
            });
        return absl::OkStatus();
      });
}

}  // namespace sextant::server
