// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/sql/error.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "storage/fault.h"

namespace sextant::storage::postgres {
namespace {

// A message of libpq without its line ends: the first lines say it, the others quote.
std::string OneLine(const std::string& detail) {
  std::string line(absl::StripAsciiWhitespace(detail));
  for (char& c : line) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return line;
}

bool IsOfClass(std::string_view state, std::string_view letters) { return state.substr(0, 2) == letters; }

bool IsConnectionTrouble(std::string_view state) {
  // 08: connection exceptions; 57P01 to 57P03: shut down by an administrator, after a crash, or not up yet;
  // 53300: as many connections as the server takes.
  return state.empty() || IsOfClass(state, "08") || state == "57P01" || state == "57P02" ||
         state == "57P03" || state == "53300";
}

}  // namespace

absl::Status StatusFromSqlState(std::string_view state, const std::string& detail,
                                const std::string& database) {
  const std::string says = absl::StrCat(database, ": ", OneLine(detail));
  if (IsConnectionTrouble(state)) {
    return absl::UnavailableError(absl::StrCat("no connection to ", says, "; retry"));
  }
  if (state == "55P03" || state == "57014" || state == "25P03" || IsOfClass(state, "40")) {
    return absl::UnavailableError(absl::StrCat(database, " is busy: ", OneLine(detail), "; retry"));
  }
  if (IsOfClass(state, "53")) {
    return absl::ResourceExhaustedError(
        absl::StrCat(says, ": nothing of this write was kept; make room on the database's server and retry"));
  }
  if (state == "25006") {
    return WithFault(absl::FailedPreconditionError(
                         absl::StrCat(database,
                                      " takes no writes (a standby, or set to read-only): name the "
                                      "primary")),
                     kFaultReadOnly);
  }
  if (state == "42501" || IsOfClass(state, "28")) return absl::PermissionDeniedError(says);
  if (state == "3D000") return absl::NotFoundError(absl::StrCat(says, ": make it first (createdb)"));
  if (state == "23505") return absl::AlreadyExistsError(says);
  if (state == "XX001" || state == "XX002") {
    return absl::DataLossError(
        absl::StrCat(database, " is damaged (", OneLine(detail), "): restore a backup"));
  }
  if (IsOfClass(state, "54") || state == "22021" || state == "22P05") {
    return absl::InvalidArgumentError(says);
  }
  return absl::InternalError(absl::StrCat(says, " (SQLSTATE ", std::string(state), ")"));
}

absl::Status CannotConnect(const std::string& detail, const std::string& database) {
  const std::string says = absl::StrCat("cannot connect to ", database, ": ", OneLine(detail));
  if (absl::StrContains(detail, "authentication failed") || absl::StrContains(detail, "pg_hba.conf") ||
      absl::StrContains(detail, "no password supplied") || absl::StrContains(detail, "role \"")) {
    return absl::PermissionDeniedError(says);
  }
  if (absl::StrContains(detail, "database \"") && absl::StrContains(detail, "does not exist")) {
    return absl::NotFoundError(absl::StrCat(says, ": make it first (createdb)"));
  }
  return absl::UnavailableError(says);
}

}  // namespace sextant::storage::postgres
