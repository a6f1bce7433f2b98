// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/other_rows.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "base/status_macros.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {

absl::Status PutLaw(Connection& connection, const UserLaw& law) {
  if (law.id.empty()) return absl::InvalidArgumentError("a law needs an id");
  RETURN_IF_ERROR(CheckText(law.id, "the law id"));
  RETURN_IF_ERROR(CheckText(law.toml, "the law"));
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("INSERT INTO laws VALUES (?, ?, ?) ON CONFLICT DO NOTHING"));
  statement.Next(std::string_view(law.id)).Next(std::string_view(law.toml)).Next(law.create_time);
  RETURN_IF_ERROR(statement.Run());
  if (connection.changes() == 0)
    return absl::AlreadyExistsError(absl::StrCat("law '", law.id, "' exists already"));
  return absl::OkStatus();
}

absl::Status DeleteLaw(Connection& connection, const std::string& id) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("DELETE FROM laws WHERE id = ?"));
  RETURN_IF_ERROR(statement.Next(std::string_view(id)).Run());
  if (connection.changes() == 0) return absl::NotFoundError(absl::StrCat("no law '", id, "'"));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<UserLaw>> SelectLaws(Connection& connection) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("SELECT id, toml, create_time FROM laws ORDER BY id"));
  std::vector<UserLaw> laws;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return laws;
    laws.push_back({std::string(statement.Text(0)), std::string(statement.Text(1)), statement.Int(2)});
  }
}

absl::Status PutToken(Connection& connection, const AccessToken& token) {
  if (token.id.empty()) return absl::InvalidArgumentError("a token needs an id");
  RETURN_IF_ERROR(CheckText(token.id, "the token's id"));
  RETURN_IF_ERROR(CheckText(token.name, "the token's name"));
  const std::string studies = absl::StrJoin(token.studies, " ");  // ids hold no spaces
  RETURN_IF_ERROR(CheckText(studies, "the token's studies"));
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                         "name = excluded.name, digest = excluded.digest, scopes = excluded.scopes, "
                         "studies = excluded.studies, create_time = excluded.create_time, "
                         "expire_time = excluded.expire_time, revoke_time = excluded.revoke_time"));
  statement.Next(std::string_view(token.id)).Next(std::string_view(token.name));
  statement.NextBlobView({reinterpret_cast<const std::uint8_t*>(token.digest.data()), token.digest.size()});
  statement.Next(static_cast<std::int64_t>(token.scopes)).Next(std::string_view(studies));
  statement.Next(token.create_time).Next(token.expire_time).Next(token.revoke_time);
  return statement.Run();
}

absl::StatusOr<std::vector<AccessToken>> SelectTokens(Connection& connection) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("SELECT id, name, digest, scopes, studies, create_time, expire_time, "
                                      "revoke_time FROM tokens ORDER BY id"));
  std::vector<AccessToken> tokens;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return tokens;
    AccessToken& token = tokens.emplace_back();
    token.id = statement.Text(0);
    token.name = statement.Text(1);
    const std::span<const std::uint8_t> digest = statement.Blob(2);
    token.digest.assign(digest.begin(), digest.end());
    token.scopes = static_cast<unsigned>(statement.Int(3));
    token.studies = absl::StrSplit(std::string(statement.Text(4)), ' ', absl::SkipEmpty());
    token.create_time = statement.Int(5);
    token.expire_time = statement.Int(6);
    token.revoke_time = statement.Int(7);
  }
}

absl::Status PutUpload(Connection& connection, const Upload& upload) {
  if (upload.id.empty()) return absl::InvalidArgumentError("an upload needs an id");
  for (const auto& [text, what] :
       {std::pair{&upload.id, "the upload id"}, std::pair{&upload.study_id, "the study id"},
        std::pair{&upload.format_digest, "the upload's digest"}}) {
    RETURN_IF_ERROR(CheckText(*text, what));
  }
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
          "study_id = excluded.study_id, format_digest = excluded.format_digest, "
          "next_chunk = excluded.next_chunk, accepted = excluded.accepted, duplicate = excluded.duplicate, "
          "rejected = excluded.rejected, complete = excluded.complete, create_time = excluded.create_time, "
          "update_time = excluded.update_time"));
  statement.Next(std::string_view(upload.id)).Next(std::string_view(upload.study_id));
  statement.Next(std::string_view(upload.format_digest)).Next(upload.next_chunk);
  statement.Next(upload.accepted).Next(upload.duplicate).Next(upload.rejected);
  statement.Next(static_cast<std::int64_t>(upload.complete))
      .Next(upload.create_time)
      .Next(upload.update_time);
  return statement.Run();
}

absl::StatusOr<Upload> SelectUpload(Connection& connection, const std::string& id) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "SELECT study_id, format_digest, next_chunk, accepted, duplicate, rejected, complete, create_time, "
          "update_time "
          "FROM uploads WHERE id = ?"));
  ASSIGN_OR_RETURN(auto row, statement.Next(std::string_view(id)).Step());
  if (!row) return absl::NotFoundError(absl::StrCat("no upload '", id, "'"));
  Upload upload;
  upload.id = id;
  upload.study_id = statement.Text(0);
  upload.format_digest = statement.Text(1);
  upload.next_chunk = statement.Int(2);
  upload.accepted = statement.Int(3);
  upload.duplicate = statement.Int(4);
  upload.rejected = statement.Int(5);
  upload.complete = statement.Int(6) != 0;
  upload.create_time = statement.Int(7);
  upload.update_time = statement.Int(8);
  return upload;
}

absl::Status PutRequest(Connection& connection, const std::string& request_id, const std::string& body_digest,
                        const std::string& response, Micros now) {
  if (request_id.empty()) return absl::InvalidArgumentError("a request id must not be empty");
  RETURN_IF_ERROR(CheckText(request_id, "the request id"));
  RETURN_IF_ERROR(CheckText(body_digest, "the request's digest"));
  ASSIGN_OR_RETURN(auto forget, connection.Prepare("DELETE FROM requests WHERE create_time <= ?"));
  RETURN_IF_ERROR(forget.Next(now - kRequestLifetime).Run());
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare("INSERT INTO requests VALUES (?, ?, ?, ?) ON CONFLICT (request_id) DO UPDATE SET "
                         "body_digest = excluded.body_digest, response = excluded.response, "
                         "create_time = excluded.create_time"));
  statement.Next(std::string_view(request_id)).Next(std::string_view(body_digest));
  statement.NextBlobView({reinterpret_cast<const std::uint8_t*>(response.data()), response.size()});
  return statement.Next(now).Run();
}

absl::StatusOr<StoredRequest> SelectRequest(Connection& connection, const std::string& request_id,
                                            Micros now) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "SELECT body_digest, response FROM requests WHERE request_id = ? AND create_time > ?"));
  ASSIGN_OR_RETURN(auto row,
                   statement.Next(std::string_view(request_id)).Next(now - kRequestLifetime).Step());
  if (!row) return absl::NotFoundError(absl::StrCat("no request '", request_id, "' in the last 24 hours"));
  const std::span<const std::uint8_t> response = statement.Blob(1);
  return StoredRequest{std::string(statement.Text(0)), std::string(response.begin(), response.end())};
}

}  // namespace sextant::storage::relational
