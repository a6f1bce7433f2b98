// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/sql/place.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>
#include <libpq-fe.h>

#include <map>
#include <string_view>
#include <utility>

namespace sextant::storage::postgres {
namespace {

// libpq notices what is no port when it connects, and then takes it for a fault of the moment.
bool HasPorts(const PQconninfoOption* option) {
  for (; option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) != "port" || option->val == nullptr) continue;
    return std::string_view(option->val).find_first_not_of("0123456789,") == std::string_view::npos;
  }
  return true;
}

}  // namespace

absl::StatusOr<Place> ParsePlace(const std::string& place) {
  constexpr char kForm[] = "postgresql://USER@HOST:PORT/DATABASE";
  if (place.rfind("//", 0) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("a PostgreSQL database is given as ", kForm));
  }
  Place parsed{absl::StrCat("postgresql:", place), "postgresql://"};
  char* message = nullptr;
  PQconninfoOption* const options = PQconninfoParse(parsed.url.c_str(), &message);
  const absl::Cleanup free_both = [&] {
    PQconninfoFree(options);
    PQfreemem(message);
  };
  if (options == nullptr || !HasPorts(options)) {
    // libpq's message quotes the URL, and the password in it.
    return absl::InvalidArgumentError(absl::StrCat("the URL of the PostgreSQL database cannot be read: give ",
                                                   kForm, " with special characters as %XX"));
  }
  std::map<std::string, std::string> said;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) said[option->keyword] = option->val;
  }
  if (const auto user = said.find("user"); user != said.end())
    absl::StrAppend(&parsed.name, user->second, "@");
  parsed.name += said["host"];
  if (const auto port = said.find("port"); port != said.end())
    absl::StrAppend(&parsed.name, ":", port->second);
  absl::StrAppend(&parsed.name, "/", said["dbname"]);
  return parsed;
}

}  // namespace sextant::storage::postgres
