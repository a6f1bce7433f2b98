// SPDX-License-Identifier: Apache-2.0
#include "storage/open_store.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/status_macros.h"

// One line per engine: its name is the scheme of its URLs, its folder in storage/ and its namespace, where it
// defines OpenEngine and NamePlace.
#define SEXTANT_STORE_ENGINES(ENGINE) \
  ENGINE(sqlite)                      \
  ENGINE(postgres)                    \
  // end

namespace sextant::storage {
namespace {
using OpenFunction = absl::StatusOr<std::shared_ptr<Store>>(const std::string& place,
                                                            const StoreOptions& options);
using NameFunction = absl::StatusOr<PlaceName>(const std::string& place);
}  // namespace

#define SEXTANT_DECLARE_ENGINE(name) \
  namespace name {                   \
  OpenFunction OpenEngine;           \
  NameFunction NamePlace;            \
  }
SEXTANT_STORE_ENGINES(SEXTANT_DECLARE_ENGINE)

namespace {

struct Engine {
  const char* name;
  OpenFunction* open;
  NameFunction* name_place;
};

#define SEXTANT_ENGINE_ENTRY(name) Engine{#name, &name::OpenEngine, &name::NamePlace},
constexpr std::array kEngines = {SEXTANT_STORE_ENGINES(SEXTANT_ENGINE_ENTRY)};
constexpr char kEngineOfPaths[] = "sqlite";

std::string NamesOfEngines() {
  return absl::StrJoin(kEngines, ", ",
                       [](std::string* out, const Engine& engine) { out->append(engine.name); });
}

const Engine* FindEngine(std::string_view name) {
  const auto* found = std::find_if(kEngines.begin(), kEngines.end(),
                                   [&](const Engine& engine) { return name == engine.name; });
  return found == kEngines.end() ? nullptr : found;
}

bool IsScheme(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

}  // namespace

absl::StatusOr<StoreUrl> ParseStoreUrl(const std::string& url) {
  const std::size_t colon = url.find(':');
  std::string scheme = colon == std::string::npos ? "" : url.substr(0, colon);
  if (scheme == "postgresql") scheme = "postgres";  // PostgreSQL's own clients take either
  const Engine* engine = FindEngine(scheme);
  if (engine == nullptr && IsScheme(scheme) && url.compare(colon, 3, "://") == 0) {
    // Not all of the URL: it may hold a password.
    return absl::InvalidArgumentError(
        absl::StrCat("no storage engine '", scheme, "': there is ", NamesOfEngines(),
                     "; give a path, sqlite:PATH or postgresql://USER@HOST/DATABASE"));
  }
  StoreUrl parsed{kEngineOfPaths, url, {}};
  if (engine == nullptr) {
    engine = FindEngine(kEngineOfPaths);
  } else {
    parsed.engine = scheme;
    parsed.place = url.substr(colon + 1);
  }
  ASSIGN_OR_RETURN(parsed.name, engine->name_place(parsed.place));
  return parsed;
}

absl::StatusOr<std::shared_ptr<Store>> OpenStore(const std::string& url, const StoreOptions& options) {
  ASSIGN_OR_RETURN(const auto parts, ParseStoreUrl(url));
  return FindEngine(parts.engine)->open(parts.place, options);
}

}  // namespace sextant::storage
