// SPDX-License-Identifier: Apache-2.0
// Options of the form NAME=NUMBER.
#pragma once

#include <google/protobuf/map.h>

#include <optional>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "clients/cli/session.h"

namespace sextant::cli {

/// Adds every "NAME=NUMBER" of `texts` to `into`, the last one of a name counting; a usage error that calls
/// the left side `name` otherwise.
inline int AddNumberPairs(const Session& session, const std::vector<std::string>& texts,
                          const std::string& option, const std::string& name, const std::string& advice,
                          google::protobuf::Map<std::string, double>* into) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const auto value = equals == std::string::npos ? std::nullopt : ParseNumber(text.substr(equals + 1));
    if (!value)
      return session.FailUsage(option + " is " + name + "=NUMBER, not '" + Safe(text) + "'", advice);
    (*into)[text.substr(0, equals)] = *value;
  }
  return kExitOk;
}

}  // namespace sextant::cli
