// SPDX-License-Identifier: Apache-2.0
// Reads the keys of a TOML table one by one and then refuses what is left: strict, with positions.
#pragma once

#include <absl/status/status.h>
#include <toml++/toml.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fitting/law/law_spec.h"

namespace sextant::fitting {

/// Limits on what a law file may hold; longer values are refused with their position.
inline constexpr std::size_t kMaxTextBytes = 4096;   ///< of one string
inline constexpr std::size_t kMaxListEntries = 256;  ///< of one array

/// One table being read. The first error is kept in `status`, shared by every table of the file; once it is
/// set the readers return what they were given. Not synchronised.
class TomlTable {
 public:
  /// `where` names the table in errors, for example "variables[2]".
  TomlTable(const toml::table& table, std::string where, absl::Status& status);

  bool Has(const std::string& key) const { return table_.contains(key); }
  void Text(const std::string& key, std::string& value);
  void Texts(const std::string& key, std::vector<std::string>& value);
  void Flag(const std::string& key, bool& value);
  /// Finite unless `allow_infinite`. Integers are taken as numbers.
  void Number(const std::string& key, double& value, bool allow_infinite = false);
  void Number(const std::string& key, std::optional<double>& value);
  void Numbers(const std::string& key, std::vector<double>& value);
  /// [low, high], low <= high; inf and -inf are allowed.
  void Pair(const std::string& key, Range& value);
  void Pair(const std::string& key, std::optional<Range>& value);
  /// key = { name = number, … }
  void NumberMap(const std::string& key, std::map<std::string, double>& value);
  /// Calls `read` for the table `key`, if there is one.
  void Table(const std::string& key, const std::function<void(TomlTable&)>& read);
  /// Calls `read` for every [[key]].
  void Tables(const std::string& key, const std::function<void(TomlTable&)>& read);

  /// Refuses keys that nothing asked for. Call last.
  void Finish();
  void Fail(const std::string& key, const std::string& message);
  bool ok() const { return status_.ok(); }

 private:
  const toml::node* Take(const std::string& key);
  bool ReadNumber(const toml::node& node, const std::string& key, bool allow_infinite, double& value);
  bool ReadText(const toml::node& node, const std::string& key, std::string& value);
  const toml::array* ReadArray(const std::string& key);
  void FailAt(const toml::node& node, const std::string& key, const std::string& message);

  const toml::table& table_;
  std::string where_;
  absl::Status& status_;
  std::vector<std::string> known_;
};

}  // namespace sextant::fitting
