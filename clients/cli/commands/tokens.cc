// SPDX-License-Identifier: Apache-2.0
// sextant tokens: who may do what on a server.
#include <google/protobuf/util/time_util.h>

#include <ctime>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/paging.h"
#include "clients/cli/output/records.h"
#include "server/daemon/flags.h"
#include "sextant/v1/access_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using google::protobuf::util::TimeUtil;
using v1::AccessService;
using v1::AccessToken;

std::string ScopeWord(int scope) {
  switch (scope) {
    case v1::SCOPE_READ:
      return "read";
    case v1::SCOPE_WRITE:
      return "write";
    case v1::SCOPE_ADMIN:
      return "admin";
    default:
      return "?";
  }
}

std::string TokenState(const AccessToken& token) {
  if (token.has_revoke_time()) return "revoked";
  if (token.has_expire_time() && token.expire_time().seconds() <= std::time(nullptr)) return "expired";
  return "valid";
}

std::vector<RecordColumn> TokenColumns() {
  const auto column = [](const char* name, const char* title, bool in_list, auto text) {
    return MakeColumn<AccessToken>(name, title, false, in_list, text, text);
  };
  return {column("name", "token", true, [](const AccessToken& t) { return IdOf(t.name()); }),
          column("owner", "owner", true, [](const AccessToken& t) { return t.owner(); }),
          column("scopes", "scopes", true,
                 [](const AccessToken& t) {
                   std::string text;
                   for (const int scope : t.scopes()) text += (text.empty() ? "" : ",") + ScopeWord(scope);
                   return text;
                 }),
          column("studies", "studies", true,
                 [](const AccessToken& t) {
                   std::string text;
                   for (const std::string& study : t.studies())
                     text += (text.empty() ? "" : ",") + IdOf(study);
                   return text.empty() ? std::string("all") : text;
                 }),
          column("revoke_time", "state", true, TokenState),
          column("expire_time", "expires", true,
                 [](const AccessToken& t) {
                   return t.has_expire_time() ? TimeUtil::ToString(t.expire_time()) : std::string();
                 }),
          column("create_time", "created", false,
                 [](const AccessToken& t) { return TimeUtil::ToString(t.create_time()); })};
}

struct TokenOptions {
  std::string owner, expires;
  std::vector<std::string> scopes, studies;
};

int CreateToken(Session& session, const TokenOptions& options) {
  v1::CreateTokenRequest request;
  AccessToken& token = *request.mutable_token();
  token.set_owner(options.owner);
  for (const std::string& scope : options.scopes) {
    const v1::Scope value = scope == "read"    ? v1::SCOPE_READ
                            : scope == "write" ? v1::SCOPE_WRITE
                            : scope == "admin" ? v1::SCOPE_ADMIN
                                               : v1::SCOPE_UNSPECIFIED;
    if (value == v1::SCOPE_UNSPECIFIED)
      return session.FailUsage("--scope is read, write or admin, not '" + Safe(scope) + "'");
    token.add_scopes(value);
  }
  for (const std::string& study : options.studies) token.add_studies(StudyName(study));
  if (!options.expires.empty()) {
    const auto lifetime = server::ParseDuration(options.expires);
    if (lifetime.count() == 0) return session.FailUsage("--expires is a duration such as 12h or 90d");
    token.mutable_expire_time()->set_seconds(std::time(nullptr) + lifetime.count());
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::CreateTokenResponse response;
  if (const int code = session.Call(&AccessService::Stub::CreateToken, request, &response); code != kExitOk)
    return code;
  if (WantsJson(session)) return PrintJson(session, response);
  std::printf("%s\n", response.secret().c_str());
  session.Note(
      IdOf(response.token().name()) +
      ": the line above is the token; it is not kept and cannot be shown again. Callers set SEXTANT_TOKEN");
  return FlushStdout(session);
}

int ListTokens(Session& session) {
  RecordPrinter printer(session, TokenColumns(), AccessToken::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  const int code = ForEachPage(session, &AccessService::Stub::ListTokens, v1::ListTokensRequest(),
                               [&](const v1::ListTokensResponse& page) {
                                 for (const AccessToken& token : page.tokens()) printer.Add(token);
                                 return true;
                               });
  return code != kExitOk ? code : printer.End();
}

int RevokeToken(Session& session, const std::string& id) {
  v1::RevokeTokenRequest request;
  request.set_name(id.rfind("tokens/", 0) == 0 ? id : "tokens/" + id);
  if (const int code = session.Connect(); code != kExitOk) return code;
  AccessToken token;
  if (const int code = session.Call(&AccessService::Stub::RevokeToken, request, &token); code != kExitOk)
    return code;
  return PrintRecord(session, TokenColumns(), token);
}

}  // namespace

void AddTokens(CommandTree& tree) {
  CLI::App* noun = tree.Noun("tokens");
  {
    auto options = std::make_shared<TokenOptions>();
    CLI::App* command =
        tree.AddCommand(noun, "create", "make a token and print it, once",
                        {"sextant tokens create admin --scope admin",
                         "sextant tokens create anna --scope read --scope write --study mine --expires 90d"});
    command->add_option("OWNER", options->owner, "whose it is, for listings and the audit log")->required();
    command->add_option("--scope", options->scopes, "read, write or admin; repeatable")
        ->required()
        ->type_name("SCOPE");
    command->add_option("--study", options->studies, "opens only this study; repeatable; default: all")
        ->type_name("ID");
    command->add_option("--expires", options->expires, "ends after so long: 12h, 90d; default: never")
        ->type_name("DURATION");
    tree.SetRun(command, [options](Session& session) { return CreateToken(session, *options); });
  }
  tree.SetRun(tree.AddCommand(noun, "list", "list tokens, revoked ones too", {"sextant tokens list"}),
              ListTokens);
  {
    auto id = std::make_shared<std::string>();
    CLI::App* command =
        tree.AddCommand(noun, "revoke", "end a token at once", {"sextant tokens revoke 0a1b2c3d4e5f"});
    command->add_option("TOKEN", *id, "its id, as `tokens list` shows it")->required();
    tree.SetRun(command, [id](Session& session) { return RevokeToken(session, *id); });
  }
}

}  // namespace sextant::cli
