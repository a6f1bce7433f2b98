// SPDX-License-Identifier: Apache-2.0
// Who calls, and whether they may: checked in one place that every method passes through.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/access/rules.h"
#include "storage/records.h"

namespace sextant::server {

/// SHA-256 of the tokens of a file.
using TokenDigests = std::vector<std::string>;

/// One token a line; empty lines and lines that begin with # are skipped. Refused: a file that others can
/// read, an empty one, tokens under 16 bytes.
absl::StatusOr<TokenDigests> ReadTokenFile(const std::string& path);

/// The token that callers send, made of an id and a random secret.
std::string MakeTokenText(const std::string& id, const std::string& secret);

/// Thread-safe. Lets everyone in until it is given tokens. Keeps digests only, and compares those in constant
/// time.
class Access {
 public:
  Access() = default;

  /// Tokens of administrators. Once some were given, a token is asked for.
  void SetFileTokens(TokenDigests digests);
  /// The tokens of the database; revoked and expired ones open nothing, but a token is asked for.
  void SetStoredTokens(const std::vector<storage::AccessToken>& tokens);
  /// True where a caller without a token gets in.
  bool is_open() const { return !state_.load()->required; }
  bool has_file_tokens() const { return !state_.load()->file.empty(); }

  /// UNAUTHENTICATED unless the caller has a token, PERMISSION_DENIED unless that may do this to the studies
  /// which the request names, whether they exist or not.
  absl::Status Check(const grpc::ServerContextBase& context, const google::protobuf::Message& request) const;
  /// The same before a stream's first message has come: all but the studies.
  absl::Status CheckMethod(const grpc::ServerContextBase& context,
                           const google::protobuf::Descriptor* request) const;

  /// Whether the caller, who was let in, may see a study. For answers that list studies.
  bool MaySee(const grpc::ServerContextBase& context, const std::string& study) const;
  /// True for a caller whose token opens single studies only.
  bool IsLimited(const grpc::ServerContextBase& context) const;

  /// Who calls, for bounds of what one caller has under way: the token of the database, else the address as
  /// Quota takes it.
  std::string CallerKey(const grpc::ServerContextBase& context) const;
  /// Who calls, for the audit log: "owner (tokens/ID)", "administrator", "anyone".
  std::string CallerName(const grpc::ServerContextBase& context) const;

 private:
  struct State {
    TokenDigests file;
    std::map<std::string, storage::AccessToken> stored;  // by id
    bool required = false;
  };
  /// What a call's token opens. `token` is null for administrators of the file, and where anyone is let in.
  struct Found {
    std::shared_ptr<const State> state;
    const storage::AccessToken* token = nullptr;
    bool let_in = false;
  };
  friend class CallContext;
  /// Looked up once a call, where the context has room for it (CallContext).
  Found Find(const grpc::ServerContextBase& context) const;
  Found LookUp(const grpc::ServerContextBase& context) const;
  static absl::Status CheckFound(const Found& found, const Rule& rule);
  template <typename Change>
  void Replace(Change change);

  std::atomic<std::shared_ptr<const State>> state_{std::make_shared<const State>()};
};

}  // namespace sextant::server
